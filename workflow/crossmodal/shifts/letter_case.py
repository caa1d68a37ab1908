"""Small letters written as capitals, up to a caption that is all capitals.

CLIP's own tokenizer lower-cases what it reads: such a model must not lose anything here, which makes this shift a
control. Models with another tokenizer may.
"""

import numpy as np

from crossmodal.shifts.letter_case_params import Params

RATES = {1: 0.1, 2: 0.25, 3: 0.5, 4: 0.75, 5: 1.0}
"""By severity: probability that a letter becomes a capital."""


def apply_text(caption: str, params: Params, rng: np.random.Generator) -> str:
    """Return `caption` with capitals for the letters that a draw chooses; nothing but their case changes.

    A letter whose capital is another letter's (ı) stays. Capitals at a severity are capitals at a higher one.
    """
    chosen = rng.random(len(caption)) < RATES[params.severity]
    return "".join(
        letter.upper() if capital and letter.upper().casefold() == letter.casefold() else letter
        for letter, capital in zip(caption, chosen, strict=True)
    )
