"""Words replaced by words of the same meaning (EDA's synonym replacement, Wei and Zou 2019), by a fixed table."""

import re

import numpy as np

from crossmodal.shifts.synonym_params import Params
from crossmodal.shifts.thesaurus import SYNONYMS

RATE_STEP = 0.2  # severity 5: every word that has a synonym
WORD = re.compile(r"[A-Za-z]+")


def apply_text(caption: str, params: Params, rng: np.random.Generator) -> str:
    """Return `caption` with words replaced from the table, in the case that they had; the rest stays.

    A word replaced at a severity is replaced by the same word at a higher one.
    """
    draws = iter(rng.random((len(caption), 2)))

    def replace(found: re.Match[str]) -> str:
        word, (chance, which) = found[0], next(draws)
        others = SYNONYMS.get(word.lower(), ())
        if not others or chance >= RATE_STEP * params.severity:
            return word
        return _in_case_of(word, others[int(which * len(others))])

    return WORD.sub(replace, caption)


def _in_case_of(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[0].upper() + other[1:] if word[0].isupper() else other
