"""Slips of the hand on a QWERTY keyboard: a neighbour of the key for it, a neighbour too many, a letter
missing, two letters swapped (the synthetic and keyboard noise of Belinkov and Bisk 2018).

Own code, as of the other shifts of texts: nlpaug and augly, made for it, had their last releases in 2022;
textattack is kept, but it brings dozens of packages and fetches its word lists over the network while it runs.
All three draw from a global generator, where here each caption needs its own.
"""

import numpy as np

from crossmodal.data.captions import is_visible
from crossmodal.shifts.typos_params import Params

RATES = {1: 0.02, 2: 0.05, 3: 0.10, 4: 0.15, 5: 0.20}
"""By severity: probability that a letter is hit."""

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
EDITS = ("replace", "insert", "drop", "swap")


def _neighbours() -> dict[str, str]:
    """Return, for each letter, the letters whose keys touch its key; each row starts half a key farther right."""
    keys = {letter: (row, column) for row, line in enumerate(ROWS) for column, letter in enumerate(line)}
    around = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, -1))
    places = {place: letter for letter, place in keys.items()}
    return {
        letter: "".join(places[row + down, column + right] for down, right in around
                        if (row + down, column + right) in places)
        for letter, (row, column) in keys.items()
    }  # fmt: skip


NEIGHBOURS = _neighbours()


def apply_text(caption: str, params: Params, rng: np.random.Generator) -> str:
    """Return `caption` with each letter hit at the severity's rate, by one of four edits in equal shares.

    Only letters are hit, and only two letters are swapped, so that words stay apart. A letter that is not on
    the keyboard (é, 犬) counts as its own neighbour. The caption comes out as it is where nothing would be left.
    """
    draws = rng.random(
        (len(caption), 3)
    )  # hit or not, which edit, which neighbour: the same at every severity
    hit = draws[:, 0] < RATES[params.severity]
    typed: list[str] = []
    place = 0
    while place < len(caption):
        letter, (_, which, key) = caption[place], draws[place]
        following = caption[place + 1 : place + 2]
        edit = EDITS[int(which * len(EDITS))] if hit[place] and letter.isalpha() else "keep"
        if edit == "swap" and following.isalpha():
            typed += [following, letter]
            place += 1
        elif edit == "replace":
            typed.append(_neighbour(letter, key))
        elif edit == "insert":
            typed += [letter, _neighbour(letter, key)]
        elif edit != "drop":
            typed.append(letter)
        place += 1
    result = "".join(typed)
    return result if is_visible(result) else caption


def _neighbour(letter: str, draw: float) -> str:
    """Return a neighbour of `letter` in its case by `draw` of [0, 1); the letter itself where none is known."""
    around = NEIGHBOURS.get(letter.lower())
    if around is None:
        return letter
    near = around[int(draw * len(around))]
    return near.upper() if letter.isupper() else near
