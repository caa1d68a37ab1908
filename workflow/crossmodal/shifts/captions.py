"""Captions that a shift would make ambiguous: a few words less, and two things have one caption.

A shift keeps what the label says; a caption that says two labels has no right answer.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from crossmodal.data.tables import Example


def unambiguous(before: Sequence[Example], after: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """Return `after` where each caption that another label has, too, is the one of `before`, and the ids of these.

    Captions are compared without regard to case and spaces, with those of other labels as they were and as they
    became; the id of a caption is that of its image and its place from 0, `octopus#2`. The same examples in the
    same order before and after.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for example in (*before, *after):
        for caption in example.captions:
            owners[_key(caption)].add(example.label)
    told, left = [], []
    for old, new in zip(before, after, strict=True):
        captions = list(new.captions)
        for place, caption in enumerate(captions):
            if len(owners[_key(caption)]) > 1 and caption != old.captions[place]:
                captions[place] = old.captions[place]
                left.append(f"{new.image_id}#{place}")
        told.append(replace(new, captions=captions))
    return told, left


def _key(caption: str) -> str:
    return " ".join(caption.casefold().split())
