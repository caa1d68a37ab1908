"""How cells look in charts: one colour and one shape each, the same in all charts of a study.

Both follow from the place of a cell among all cells of the study and from nothing that a chart shows, so that a
cell keeps its own whatever stands beside it. Colours recur after `PALETTE`, and with another shape; up to 60 cells
differ in one of the two.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

PALETTE = (
    "#8347cf", "#147811", "#fc4a93", "#1e91e7", "#a09600", "#865a67",
    "#d71908", "#2c9a88", "#1a67a3", "#b71d9b", "#a775be", "#c0765f",
)  # fmt: skip
"""Mid-tones that stand on white and on near-black (contrast 3 or more), chosen to lie far apart in OKLab, also as
people with protanopia and deuteranopia see them, and far from the grey of what stands back."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
"""As many as have no divisor in common with the length of `PALETTE`."""


class Style(NamedTuple):
    """What a cell looks like."""

    colour: str
    shape: str


Styles = Mapping[str, Style]
"""The styles of a study's cells by their name."""


def styles_of(names: Sequence[str]) -> dict[str, Style]:
    """Return the style of each name by its place."""
    return {
        name: Style(PALETTE[place % len(PALETTE)], SHAPES[place % len(SHAPES)])
        for place, name in enumerate(names)
    }
