"""Words left out at random (the word dropout of Iyyer et al. 2015; `random deletion` of Wei and Zou 2019)."""

import numpy as np

from crossmodal.data.captions import is_visible
from crossmodal.shifts.word_drop_params import Params

RATE_STEP = 0.1  # severity 5: every second word


def apply_text(caption: str, params: Params, rng: np.random.Generator) -> str:
    """Return `caption` without the words that a draw leaves out, at least one of them kept.

    Words stand between white space, which becomes single spaces; what shows nothing is no word. The words left
    at a severity are among those left at a lower one.
    """
    words = [word for word in caption.split() if is_visible(word)]
    if not words:
        return caption
    draws = rng.random(len(words))
    kept = draws >= min(RATE_STEP * params.severity, draws.max())
    return " ".join(word for word, keep in zip(words, kept, strict=True) if keep)
