"""How cells look: each differs from the others, stands on both grounds and is its own whatever a chart shows."""

from itertools import combinations
from math import gcd

import numpy as np
import pytest
from numpy.typing import NDArray

from crossmodal.report.cell_styles import PALETTE, SHAPES, styles_of
from crossmodal.report.cells import Grid
from crossmodal.report.chart_parts import QUIET
from drawn_sections import cell_values

GROUNDS = ("#ffffff", "#14171b")
"""Of the page, light and dark."""
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Linear RGB as it is seen (Machado et al. 2009)."""
TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip
"""To OKLab (Ottosson 2020)."""


def linear(colour: str) -> NDArray[np.float64]:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def distance(one: str, other: str, vision: str) -> float:
    labs = [
        TO_LAB @ np.cbrt(TO_LMS @ np.clip(VISION[vision] @ linear(colour), 0, 1)) for colour in (one, other)
    ]
    return float(np.linalg.norm(labs[0] - labs[1]))


@pytest.mark.parametrize("colour", PALETTE)
def test_colours_stand_on_both_grounds(colour: str) -> None:
    """Contrast of 3 or more, as WCAG 2.1 asks of graphics."""
    for ground in GROUNDS:
        low, high = sorted((luminance(colour), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.parametrize(
    ("vision", "least"), [("normal", 0.12), ("protanopia", 0.06), ("deuteranopia", 0.06)]
)
def test_colours_are_told_apart(vision: str, least: float) -> None:
    assert min(distance(one, other, vision) for one, other in combinations(PALETTE, 2)) >= least
    assert min(distance(colour, QUIET, "normal") for colour in PALETTE) >= 0.06, "none is what stands back"


def test_sixty_cells_look_different() -> None:
    assert gcd(len(PALETTE), len(SHAPES)) == 1
    assert len(set(styles_of([f"cell-{i}" for i in range(60)]).values())) == 60


def test_a_style_follows_from_the_study_alone() -> None:
    facts = cell_values([f"cell-{i}" for i in range(20)])
    facts["cell-17"]["adversarial"] = True
    one = Grid.of("openmoji", facts)
    other = Grid.of("openmoji", facts, ["cell-3"]).sorted(lambda cells: sorted(cells, reverse=True))
    assert one.styles == other.styles and set(one.styles) == set(facts)
    assert next(iter(one.styles)) == "cell-17", "what charts show in any case differs in colour first"
