"""Words in another order, each near its place (the local shuffle of Lample et al. 2018)."""

import numpy as np

from crossmodal.shifts.word_order_params import Params

REACH = {1: 1, 2: 2, 3: 3, 4: 5, 5: None}
"""By severity: places that a word may move; None for any."""


def apply_text(caption: str, params: Params, rng: np.random.Generator) -> str:
    """Return the words of `caption` in an order drawn from `rng`; short captions may come out as they are.

    Words stand between white space, which becomes single spaces, and take their punctuation with them. They
    are sorted by their place plus a draw of [0, reach + 1), so that none moves farther than the reach.
    """
    words = caption.split()
    if len(words) < 2:
        return caption
    draws, reach = rng.random(len(words)), REACH[params.severity]
    keys = draws if reach is None else np.arange(len(words)) + draws * (reach + 1)
    return " ".join(words[place] for place in np.argsort(keys, kind="stable"))
