"""Flat drawings on white, as emoji are drawn: flags, hearts, clocks; and procedural scenes."""

import io

import numpy as np
import resvg_py
from PIL import Image

from crossmodal.data import scenes
from crossmodal.data.images import Pixels

COLOURS = {
    "red": "#ea5a47", "orange": "#f1b31c", "yellow": "#fcea2b", "green": "#5c9e31", "blue": "#61b2e4",
    "purple": "#8967aa",
}  # fmt: skip
HEART = "M36 60 C8 40 8 14 24 14 C32 14 36 22 36 22 C36 22 40 14 48 14 C64 14 64 40 36 60 Z"


def drawn(body: str, size: int = 64) -> Pixels:
    """Return an SVG body of 72 x 72 units on white, uint8 [size, size, 3]."""
    document = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">{body}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=document, width=size, height=size, background="#ffffff")
    return np.array(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def flag(colours: list[str], *, lying: bool = False) -> str:
    """Return the body of a flag of stripes, side by side or one above the other, in a thin frame."""
    step = (44 if lying else 62) / len(colours)
    stripes = [
        f'<rect x="5" y="{14 + place * step}" width="62" height="{step}" fill="{colour}"/>'
        if lying
        else f'<rect x="{5 + place * step}" y="14" width="{step}" height="44" fill="{colour}"/>'
        for place, colour in enumerate(colours)
    ]
    frame = '<rect x="5" y="14" width="62" height="44" fill="none" stroke="#000" stroke-width="2"/>'
    return "".join(stripes) + frame


def heart(colour: str) -> str:
    """Return the body of a heart with an outline."""
    return f'<path d="{HEART}" fill="{colour}" stroke="#000" stroke-width="2"/>'


def flat_drawings(size: int = 64) -> dict[str, Pixels]:
    """Return drawings that differ in colour alone, in the order of colours or in one thin line, by name, uint8."""
    c, white = COLOURS, "#ffffff"
    clock = '<circle cx="36" cy="36" r="26" fill="#fff" stroke="#000" stroke-width="2"/>'
    hand = '<path d="M36 36 L{} {}" stroke="#000" stroke-width="2"/>'
    bodies = {
        **{f"{name} heart": heart(colour) for name, colour in c.items()},
        **{f"{name} circle": f'<circle cx="36" cy="36" r="28" fill="{colour}"/>' for name, colour in c.items()},
        "flag 1": flag([c["blue"], white, c["red"]]),
        "flag 2": flag([c["green"], white, c["red"]]),
        "flag 3": flag([c["green"], white, c["orange"]]),
        "flag 4": flag(["#000000", c["yellow"], c["red"]]),
        "flag 5": flag([c["red"], white, c["blue"]], lying=True),
        "flag 6": flag([c["red"], white, c["green"]], lying=True),
        "white flag": flag([white]),
        **{
            f"clock {hour}": clock + hand.format(36, 16) + hand.format(36 + x, 36 + y)
            for hour, (x, y) in enumerate(((0, -13), (11, -7), (13, 0), (0, 13)))
        },
        "plus": '<path d="M36 20 V52 M20 36 H52" stroke="#000" stroke-width="2"/>',
        "minus": '<path d="M20 36 H52" stroke="#000" stroke-width="2"/>',
    }  # fmt: skip
    return {name: drawn(body, size) for name, body in bodies.items()}


def scene_images(count: int = 12, size: int = 64) -> dict[str, Pixels]:
    """Return procedural scenes by name, uint8."""
    return {
        f"{style} {index}": scenes.paint(scenes.scene(3, index, 3), 3, index, style, size)
        for style in ("flat", "outline", "textured")
        for index in range(count)
    }
