"""Draw icons from Iconify's JSON (the npm packages @iconify-json/*) as square PNG files."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import resvg_py

from crossmodal.data.archives import read_members
from crossmodal.data.images import encode_png, open_rgb

MAX_ALIASES = 8  # an alias of an alias of ...; real sets stop at two


class IconSet(NamedTuple):
    """The drawings of one set with what is known about them."""

    content: dict[str, Any]
    """icons.json: icons[name].body, width, height, left, top; aliases[name].parent."""
    info: dict[str, Any]
    """info.json: name, author, license, version."""

    def __contains__(self, name: object) -> bool:
        return name in self.content["icons"] or name in self.content.get("aliases", {})


def read_icons(tarball: Path) -> IconSet:
    """Return the icon set in the tarball of an @iconify-json package."""
    files = read_members(tarball, ["package/icons.json", "package/info.json"])
    return IconSet(json.loads(files["package/icons.json"]), json.loads(files["package/info.json"]))


def svg(icons: IconSet, name: str) -> str:
    """Return the icon `name` as an SVG document with a square view, the drawing in its middle.

    Icons without colours of their own ("currentColor") become black. KeyError if there is no such icon.
    """
    icon, turn = _resolve(icons, name)
    left, top, width, height = (icon[key] for key in ("left", "top", "width", "height"))
    side = max(width, height)
    x, y = left - (side - width) / 2, top - (side - height) / 2
    body = icon["body"]
    if turn:
        cx, cy = left + width / 2, top + height / 2
        body = f'<g transform="translate({cx} {cy}) {turn} translate({-cx} {-cy})">{body}</g>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#000000" '
        f'width="{side}" height="{side}" viewBox="{x} {y} {side} {side}">{body}</svg>'
    )


def draw(icons: IconSet, name: str, size: int) -> bytes:
    """Return the icon `name` on white as an RGB PNG file of `size` x `size` px.

    Raises ValueError with the reason if the drawing is not valid SVG. System fonts are not used, so
    the bytes do not depend on the machine.
    """
    drawn = resvg_py.svg_to_bytes(
        svg_string=svg(icons, name), width=size, height=size, background="#ffffff", skip_system_fonts=True
    )
    return encode_png(open_rgb(bytes(drawn)))


def _resolve(icons: IconSet, name: str) -> tuple[dict[str, Any], str]:
    """Return the icon behind `name` with its frame filled in, and the SVG transform its aliases ask for."""
    defaults = {"left": 0, "top": 0, "width": 16, "height": 16}
    frame = {key: icons.content.get(key, value) for key, value in defaults.items()}
    changes: dict[str, Any] = {}
    transforms: list[str] = []
    for _ in range(MAX_ALIASES):
        found = icons.content["icons"].get(name)
        record = icons.content["aliases"][name] if found is None else found
        transforms.append(_transform(record))
        changes = {**{key: record[key] for key in defaults if key in record}, **changes}
        if found is not None:
            return {**frame, **changes, "body": found["body"]}, " ".join(filter(None, transforms))
        name = record["parent"]
    raise KeyError(name)


def _transform(record: dict[str, Any]) -> str:
    """Return the SVG transform, about the origin, that an icon or alias asks for."""
    steps = []
    if record.get("rotate"):
        steps.append(f"rotate({record['rotate'] % 4 * 90})")
    if record.get("hFlip") or record.get("vFlip"):
        steps.append(f"scale({-1 if record.get('hFlip') else 1} {-1 if record.get('vFlip') else 1})")
    return " ".join(steps)
