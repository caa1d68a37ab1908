"""Scenes of coloured shapes: what is in them, how they are described, how they are drawn."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from crossmodal.data.images import Pixels

COLOURS = {
    "red": (214, 40, 40),
    "orange": (244, 140, 6),
    "yellow": (240, 210, 30),
    "green": (46, 150, 60),
    "blue": (40, 90, 200),
    "purple": (130, 50, 170),
    "brown": (120, 72, 40),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross", "hexagon", "bar")
SIZES = {"small": 0.17, "large": 0.29}  # diameter as a share of the image's side
PLACES = (
    *("top left", "top", "top right"),
    *("left", "centre", "right"),
    *("bottom left", "bottom", "bottom right"),
)
NUMBERS = ("one shape", "two shapes", "three shapes")
SCALE = 2  # drawn at twice the size and averaged, which smooths the edges


class Thing(NamedTuple):
    """One shape of a scene."""

    size: str
    colour: str
    shape: str
    place: int
    """Index into PLACES, row by row."""

    def __str__(self) -> str:
        return f"{self.size} {self.colour} {self.shape}"


Scene = tuple[Thing, ...]
"""One to three things in different places, in the order of the places."""


def scene(seed: int, index: int, max_objects: int) -> Scene:
    """Return scene number `index`; it depends on the arguments alone."""
    rng = np.random.default_rng([seed, index, 0])
    count = int(rng.integers(1, max_objects + 1))
    places = sorted(rng.permutation(len(PLACES))[:count].tolist())
    picks = rng.integers(0, [len(SIZES), len(COLOURS), len(SHAPES)], size=(count, 3)).tolist()
    sizes, colours = list(SIZES), list(COLOURS)
    return tuple(
        Thing(sizes[s], colours[c], SHAPES[f], place) for (s, c, f), place in zip(picks, places, strict=True)
    )


def label(things: Scene) -> str:
    """Return the canonical description: equal for two scenes if and only if they show the same."""
    return ", ".join(f"{thing} {PLACES[thing.place]}" for thing in things)


def captions(things: Scene) -> list[str]:
    """Return five different descriptions of a scene, each true of it, by different parts of what is seen."""
    first, last = things[0], things[-1]
    names = [f"{thing.colour} {thing.shape}" for thing in things]
    named = [f"an {name}" if name.startswith("orange") else f"a {name}" for name in names]
    number = NUMBERS[len(things) - 1]
    if len(things) == 1:
        where = PLACES[first.place]
        return [
            label(things),
            f"{where}: a {first}",
            f"a picture of {number}, a {first.size} {first.shape} in {first.colour}",
            f"{named[0]} at the {where}",
            f"a {first.size} {first.shape} at the {where}",
        ]
    return [
        label(things),
        f"a {first} {_relation(first, last)} a {last}",
        f"{number}: " + " and ".join(reversed(names)),
        " and ".join(f"{name} {PLACES[thing.place]}" for name, thing in zip(named, things, strict=True)),
        f"a {last} {_relation(last, first)} a {first}",
    ]


def _relation(one: Thing, other: Thing) -> str:
    """Return where `one` lies as seen from `other`, by column where these differ, else by row."""
    (row, column), (other_row, other_column) = divmod(one.place, 3), divmod(other.place, 3)
    if column != other_column:
        return "left of" if column < other_column else "right of"
    return "above" if row < other_row else "below"


def paint(things: Scene, seed: int, index: int, style: str, side: int) -> Pixels:
    """Return the scene as uint8 [side, side, 3].

    Position, size and turn of each shape vary a little by (seed, index), in the same way in each style
    ("flat", "outline", "textured").
    """
    rng = np.random.default_rng([seed, index, 1])
    wide = side * SCALE
    image = Image.new("RGB", (wide, wide), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for thing, (dx, dy, grow, turn) in zip(things, rng.uniform(-1, 1, size=(len(things), 4)), strict=True):
        row, column = divmod(thing.place, 3)
        x, y = wide * ((column + 0.5) / 3 + 0.02 * dx), wide * ((row + 0.5) / 3 + 0.02 * dy)
        radius = wide * SIZES[thing.size] / 2 * (1 + 0.08 * grow)
        points = outline(thing.shape, x, y, radius, math.radians(8 * turn))
        if style == "outline":
            pen.line([*points, *points[:2]], fill=COLOURS[thing.colour], width=max(2, wide // 40))
        else:
            pen.polygon(points, fill=COLOURS[thing.colour])
    pixels = np.asarray(image.reduce(SCALE))
    return _texture(pixels, rng) if style == "textured" else pixels


def _texture(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return `pixels` with diagonal stripes on everything coloured and coarse noise over all of it."""
    side = len(pixels)
    rows, columns = np.indices((side, side))
    period = max(4, side // 10)
    stripes = ((rows + columns) % period < period // 2)[..., None] & (pixels.min(axis=2, keepdims=True) < 128)
    cell = max(2, side // 16)
    coarse = rng.integers(-28, 29, size=(-(-side // cell), -(-side // cell), 1))
    noise = coarse.repeat(cell, axis=0).repeat(cell, axis=1)[:side, :side]
    striped = np.where(stripes, pixels // 2 + 90, pixels).astype(np.int16)
    return np.clip(striped + noise - 20, 0, 255).astype(np.uint8)


def outline(shape: str, x: float, y: float, radius: float, turn: float) -> list[tuple[float, float]]:
    """Return the corners of a shape around (x, y) within `radius`, turned by `turn` radians."""
    return [
        (
            x + radius * (u * math.cos(turn) - v * math.sin(turn)),
            y + radius * (u * math.sin(turn) + v * math.cos(turn)),
        )
        for u, v in CORNERS[shape]
    ]


def _polygon(corners: int, start: float = -90, inner: float | None = None) -> list[tuple[float, float]]:
    """Return a regular polygon in the unit circle, or a star if every other corner lies at `inner`."""
    angles = [math.radians(start + 360 * i / corners) for i in range(corners)]
    radii = [1.0 if inner is None or i % 2 == 0 else inner for i in range(corners)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


CORNERS: dict[str, list[tuple[float, float]]] = {
    "circle": _polygon(32),
    "square": [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
    "triangle": _polygon(3),
    "diamond": [(0, -1), (0.62, 0), (0, 1), (-0.62, 0)],
    "star": _polygon(10, inner=0.42),
    "cross": [
        *((-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)),
        *((0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)),
    ],
    "hexagon": _polygon(6, start=0),
    "bar": [(-1, -0.35), (1, -0.35), (1, 0.35), (-1, 0.35)],
}
