"""Drawings of icons that show something, each once."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from crossmodal.data.built import Reject
from crossmodal.data.icon_sets import WHITE
from crossmodal.data.icons import IconSet, draw
from crossmodal.data.images import decode
from crossmodal.progress import progress


class Wanted(NamedTuple):
    """Icons of one set, in the order in which they are drawn."""

    set_name: str
    icons: IconSet
    names: Sequence[str]


def distinct_drawings(
    sets: Iterable[Wanted], size: int, rejects: list[Reject], facts: Counter[str]
) -> Iterator[tuple[str, str, bytes]]:
    """Yield (set, icon, PNG file of `size` x `size` px) of the icons of all `sets`.

    Left out, and counted in `facts`, is what shows nothing or is, to the pixel, one drawn before. What cannot be
    drawn goes into `rejects`.
    """
    seen: set[bytes] = set()
    for set_name, icons, names in sets:
        for name in progress(names, f"drawing {set_name}", unit="icon"):
            try:
                image = draw(icons, name, size)
            except ValueError as error:
                image_id = f"{set_name}/{name}"
                rejects.append(Reject(image_id, f"{image_id}.png", f"cannot be drawn: {error}"))
                continue
            digest = hashlib.sha256(image).digest()
            if digest in seen:
                facts["twins left out"] += 1
            elif np.min(decode(image, size)) >= WHITE:
                facts["blank drawings left out"] += 1
            else:
                seen.add(digest)
                yield set_name, name, image
