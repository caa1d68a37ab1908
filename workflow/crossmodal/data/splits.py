"""Deterministic splits by hash: an item's split depends on its name and the seed, not on its neighbours."""

import hashlib
from collections.abc import Iterable, Mapping

from crossmodal.data.base import Splits


def rank(name: str, seed: int) -> float:
    """Return a pseudo-random number in [0, 1), the same for `name` and `seed` everywhere and always."""
    digest = hashlib.sha256(f"{seed}\n{name}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def assign(names: Iterable[str], splits: Splits, limit: int | None = None) -> dict[str, str]:
    """Return name -> "train", "val" or "test", with the shares met to the nearest whole number.

    The names are ordered by their rank and cut twice, so a new name moves few old ones; fold k of n begins k n-ths
    further on. With `limit`, about as many names are kept, the first of each split, so that they stay in the split
    they had.
    """
    ordered = sorted(set(names), key=lambda name: (rank(name, splits.seed), name))
    total = len(ordered)
    turn = round(total * splits.fold / splits.folds)
    ordered = ordered[turn:] + ordered[:turn]
    first, second = round(total * splits.train), round(total * (splits.train + splits.val))
    parts = {"train": ordered[:first], "val": ordered[first:second], "test": ordered[second:]}
    kept = 1.0 if limit is None else min(1.0, limit / max(total, 1))
    return {name: split for split, part in parts.items() for name in part[: round(len(part) * kept)]}


def assign_within(names_by_class: Mapping[str, Iterable[str]], splits: Splits) -> dict[str, str]:
    """Return name -> split, each class cut by itself: the shares are met within every class, as by `assign`.

    A class moves no name of another. Raises ValueError where two classes have one name: it could get two splits.
    """
    found: dict[str, str] = {}
    for label, names in names_by_class.items():
        parts = assign(names, splits)
        if twice := found.keys() & parts.keys():
            raise ValueError(f"{min(twice)}: in class {label} and in one before; a name is in one class")
        found |= parts
    return found


def split_of(name: str, splits: Splits) -> str:
    """Return the split of `name` among names without end: the shares are met on average."""
    position = (rank(name, splits.seed) - splits.fold / splits.folds) % 1
    if position < splits.train:
        return "train"
    return "val" if position < splits.train + splits.val else "test"
