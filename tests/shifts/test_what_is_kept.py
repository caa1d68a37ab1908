"""Shifts keep what the label says: no picture is blank or like another, no hue turns, severity means more."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

import hypothesis.strategies as st
import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from crossmodal import registry
from crossmodal.data.images import Pixels
from crossmodal.shifts.apply import image_generator
from crossmodal.shifts.corruption_params import Corruption
from crossmodal.shifts.losses import Losses
from flat_drawings import flat_drawings, scene_images

ROOT = Path(__file__).resolve().parents[2]
OWN = ("colour_jitter", "pencil_sketch", "stylisation")
NAMES = get_args(Corruption)
SIZES = (48, 32, 24, 16)  # px, of drawings of 64

BLANKING = {("contrast", 5)}
"""It keeps a twentieth of the contrast, by its definition."""

TURNING = {"contrast", "frost", "snow", "motion_blur"}
"""Corruptions that mix other colours in: the mean of each channel, ice, grey, what lies 15 px farther."""

TURN = 15.0
"""Degrees that a hue may turn by: less than half the way from red to orange, so it stays nearest to itself."""

UNGRADED = {"fog", "saturate"}
"""Corruptions whose published parameters change two things at once, so that the distance need not grow."""


def graded() -> dict[str, list[dict[str, Any]]]:
    """Return every shift of images that is registered, weakest first, by its kind or the name of a corruption."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in registry.kinds("shifts"):
        params = registry.kind_class("shifts", kind)
        if params.space == "texts":
            continue
        if kind == "resolution":
            found[kind] = [{"kind": kind, "size": size} for size in SIZES]
        elif kind == "corruption":
            found |= {
                name: [{"kind": kind, "name": name, "severity": s} for s in range(1, 6)] for name in NAMES
            }
        else:
            found[kind] = [{"kind": kind, "severity": s} for s in range(1, 6)]
    return found


GRADED = graded()
SLOW = {"glass_blur"}
"""Corruptions that move one pixel after another: seconds for all drawings."""


def marks(name: str) -> Sequence[pytest.MarkDecorator]:
    return [pytest.mark.slow] if name in SLOW else []


SHIFTS = [
    pytest.param(name, place + 1, marks=marks(name))
    for name, all in GRADED.items()
    for place in range(len(all))
]
EACH = pytest.mark.parametrize(("name", "severity"), SHIFTS)


def shifted(images: Mapping[str, Pixels], values: Mapping[str, Any]) -> dict[str, Pixels]:
    """Return each of `images` under the shift that `values` describe."""
    params, apply = registry.parse("shifts", dict(values)), registry.load("shifts", values["kind"]).apply
    return {name: apply(image, params, image_generator(0, name)) for name, image in images.items()}


@cache
def drawings() -> dict[str, Pixels]:
    """Return drawings and scenes by name, uint8 [64, 64, 3]."""
    return flat_drawings() | scene_images(4)


@cache
def shifted_drawings(name: str, severity: int) -> dict[str, Pixels]:
    return shifted(drawings(), GRADED[name][severity - 1])


def distance(before: Mapping[str, Pixels], after: Mapping[str, Pixels]) -> float:
    """Return the mean difference of pixels, in levels."""
    return float(np.mean([np.abs(image.astype(int) - before[name]).mean() for name, image in after.items()]))


def lost(before: Mapping[str, Pixels], after: Mapping[str, Pixels]) -> dict[str, list[str]]:
    losses = Losses()
    for name, image in after.items():
        losses.add(name, before[name], image)
    return losses.found()


def hue(colours: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return hue, in degrees, and chroma, in levels, of colours [..., 3] (the hexagon of HSV)."""
    values = np.asarray(colours, dtype=np.float64)
    top, chroma = values.max(axis=-1), np.ptp(values, axis=-1)
    red, green, blue = np.moveaxis(values, -1, 0)
    divisor = np.where(chroma > 0, chroma, 1)
    others = np.where(top == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    sixths = np.where(top == red, (green - blue) / divisor, others)
    return sixths * 60 % 360, chroma


def turn(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Return by how many degrees hues differ."""
    return np.asarray(np.abs((hue(after)[0] - hue(before)[0] + 180) % 360 - 180))


def areas(image: Pixels) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Return the saturated colours of a drawing, each with the pixels that are well inside of its areas."""
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    found = []
    for colour in colours[(np.ptp(colours.astype(int), axis=1) >= 64) & (counts > 60)]:
        area = Image.fromarray(((image == colour).all(axis=2) * 255).astype(np.uint8))
        inside = np.array(area.filter(ImageFilter.MinFilter(9))) > 0
        if inside.sum() >= 20:
            found.append((colour, inside))
    return found


@EACH
def test_no_drawing_is_blank_or_like_another(name, severity) -> None:
    found = lost(drawings(), shifted_drawings(name, severity))
    if (name, severity) in BLANKING:
        assert len(found["blank"]) > 0.9 * len(drawings()), "no exception is needed any more"
        found["blank"] = []
    assert found == {"blank": [], "merged": []}


@EACH
def test_no_photograph_is_blank_or_like_another(photographs, name, severity) -> None:
    found = lost(photographs, shifted(photographs, GRADED[name][severity - 1]))
    if (name, severity) in BLANKING:
        found["blank"] = []
    assert found == {"blank": [], "merged": []}


@cache
def areas_of(name: str) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
    return areas(drawings()[name])


def turned(name: str, severity: int) -> dict[str, float]:
    """Return by how many degrees the mean colour of the inside of an area turns, by drawing the largest."""
    found = {
        drawing: [float(turn(colour, image[inside].mean(axis=0))) for colour, inside in areas_of(drawing)]
        for drawing, image in shifted_drawings(name, severity).items()
    }
    return {drawing: max(each) for drawing, each in found.items() if each}


@EACH
def test_areas_keep_their_hue(name, severity) -> None:
    found = turned(name, severity)
    assert len(found) >= 18, "every heart, circle and flag but the white one"
    largest = 2.0 if name in OWN else TURN
    if name not in TURNING:
        assert {drawing: angle for drawing, angle in found.items() if angle >= largest} == {}


@pytest.mark.parametrize("name", sorted(TURNING))
def test_exceptions_for_hue_are_needed(name) -> None:
    assert max(max(turned(name, severity).values()) for severity in range(1, 6)) >= TURN


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in GRADED])
def test_more_severity_is_more_distance(name) -> None:
    strengths = range(1, len(GRADED[name]) + 1)
    distances = [distance(drawings(), shifted_drawings(name, severity)) for severity in strengths]
    assert distances[0] > 0
    assert (np.diff(distances) > 0).all() == (name not in UNGRADED), distances


@pytest.mark.parametrize("name", [*OWN, "resolution"])
def test_more_severity_is_more_distance_on_photographs(photographs, name) -> None:
    distances = [distance(photographs, shifted(photographs, values)) for values in GRADED[name]]
    assert (np.diff(distances) > 0).all(), distances


CHANNEL = st.integers(0, 255)
SATURATED = st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]).flatmap(
    lambda main: st.tuples(*(st.integers(150, 255) if on else st.integers(0, 80) for on in main))
)


@given(
    colours=st.lists(SATURATED, min_size=1, max_size=4),
    ground=st.tuples(CHANNEL, CHANNEL, CHANNEL),
    severity=st.integers(1, 5),
    seed=st.integers(0, 10_000),
)
@example(colours=[(255, 205, 60)], ground=(255, 255, 255), severity=5, seed=0)
@settings(max_examples=150)
def test_no_pixel_of_a_flag_turns_its_hue_under_jitter(colours, ground, severity, seed) -> None:
    """As far as whole levels go: of a chroma of c levels, rounding turns a hue by 60 * 2 / c degrees at most."""
    flag = np.empty((8, 6 * len(colours), 3), np.uint8)
    flag[:] = ground
    for place, colour in enumerate(colours):
        flag[1:7, 6 * place : 6 * place + 6] = colour
    params = registry.parse("shifts", {"kind": "colour_jitter", "severity": severity})
    apply = registry.load("shifts", "colour_jitter").apply
    after = apply(flag, params, np.random.default_rng(seed))[1:7]
    before, chroma = flag[1:7], hue(after)[1]
    assert (turn(before, after)[chroma > 0] <= 120 / chroma[chroma > 0]).all()
    assert (chroma >= 0.4**3 * hue(before)[1] - 2).all(), "nor does it grow pale beyond its three factors"


@pytest.mark.parametrize("kind", OWN)
def test_a_drawing_is_shifted_alike_at_another_size(kind) -> None:
    """Lengths are shares of the side: made small, the larger picture is nearest to the small one's severity."""
    names = ["red heart", "flag 1", "blue circle"]
    small, large = ({name: flat_drawings(size)[name] for name in names} for size in (64, 128))

    def under(images: Mapping[str, Pixels], severity: int) -> dict[str, Pixels]:
        found = shifted(images, {"kind": kind, "severity": severity})
        return {
            name: np.array(Image.fromarray(image).resize((64, 64), Image.Resampling.BOX))
            for name, image in found.items()
        }

    for severity in (1, 3, 5):
        own = under(small, severity)
        near = {other: distance(own, under(large, other)) for other in range(1, 6)}
        assert min(near, key=near.__getitem__) == severity, near


def test_the_default_study_uses_none_that_turns_hues_or_blanks() -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    used = [values["shifts"][name] for name in values["robustness"]["shifts"]]
    named = {(shift["name"], shift["severity"]) for shift in used if shift["kind"] == "corruption"}
    assert named, "it has corruptions"
    assert not named & BLANKING
    assert not {name for name, _ in named} & TURNING
