"""Icons of many sets (the npm packages @iconify-json/*), each with its name as the caption."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.data.built import Built, Reject
from crossmodal.data.icon_sets_params import SCOPE, Params
from crossmodal.data.icons import IconSet, draw, read_icons
from crossmodal.data.images import decode
from crossmodal.data.splits import assign
from crossmodal.data.tables import SPLITS, Example
from crossmodal.progress import progress

WHITE = 250
"""A drawing without a value below it, in any pixel and channel, shows nothing."""


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name).

    Image id is "set/name", caption the name in words, label the name: icons of one name in several sets share it.
    Icons that their set hides, that show nothing or that are, to the pixel, one drawn before are left out and
    counted. One set is in memory at a time.
    """
    facts: Counter[str] = Counter()
    rejects: list[Reject] = []
    names: dict[str, list[str]] = {}
    described: list[dict[str, Any]] = []
    for name, package in zip(params.sets, params.packages(), strict=True):
        icons = read_icons(sources[package.name])
        names[name] = _names(icons, params.limit)
        described.append(_source(icons, package._asdict()))
    splits = assign((icon for own in names.values() for icon in own), params.split)
    seen: set[bytes] = set()

    def examples(split: str) -> Iterator[Example]:
        for name, own in names.items():
            wanted = [icon for icon in own if splits[icon] == split]
            if not wanted:
                continue
            icons = read_icons(sources[SCOPE + name])
            for icon in progress(wanted, f"drawing {name}", unit="icon"):
                image_id, path = f"{name}/{icon}", f"{name}/{icon}.png"
                try:
                    image = draw(icons, icon, params.image_size)
                except ValueError as error:
                    rejects.append(Reject(image_id, path, f"cannot be drawn: {error}"))
                    continue
                digest = hashlib.sha256(image).digest()
                if digest in seen:
                    facts["twins left out"] += 1
                elif _is_blank(image, params.image_size):
                    facts["blank drawings left out"] += 1
                else:
                    seen.add(digest)
                    yield Example(image_id, image, path, [icon.replace("-", " ")], icon, name, name)

    return Built({split: examples(split) for split in SPLITS}, rejects, _sheet(described, facts))


def _names(icons: IconSet, limit: int | None) -> list[str]:
    """Return the names of the icons that a set shows, without aliases."""
    shown = sorted(name for name, icon in icons.content["icons"].items() if not icon.get("hidden"))
    return shown[:limit]


def _is_blank(image: bytes, size: int) -> bool:
    return bool(np.min(decode(image, size)) >= WHITE)


def _source(icons: IconSet, package: Mapping[str, str]) -> dict[str, str]:
    author = icons.info.get("author", {})
    return {
        **package,
        "licence": icons.info["license"]["title"],
        "url": author.get("url", ""),
        "author": author.get("name", ""),
    }


def _sheet(sources: list[dict[str, Any]], facts: Counter[str]) -> dict[str, Any]:
    return {
        "title": f"Icons of {len(sources)} sets",
        "description": "Icons on white, black where they have no colours of their own.",
        "sources": sources,
        "captions": "One caption an icon: its name, with spaces for dashes.",
        "splits": "By name, ordered by a hash of seed and name: a name is in one split in every set.",
        "facts": facts,
        "known_limits": [
            "Names were chosen to find icons by: they say what an icon is for and how it is drawn.",
            "Many icons differ by little: weights of lines, filled forms, a mark in a corner.",
            "Logos and names of products are many.",
        ],
    }
