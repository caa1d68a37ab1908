"""Which images of each class are learnt from: the first k by a hash, so that fewer shots are a part of more.

What experiments on classes share; whether there are enough images is told before anything is trained.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from crossmodal.data.splits import rank
from crossmodal.errors import UserError


def classes_of(labels: Sequence[str | None], where: str) -> list[str]:
    """Return the sorted classes of `labels`; UserError where an image has none. `where` names the set."""
    if nameless := sum(not (label or "").strip() for label in labels):
        raise UserError(
            f"{where}: {nameless} images have no class; what is classified needs a label for each"
        )
    return sorted({label for label in labels if label})


def check_splits(splits: Mapping[str, Sequence[str | None]], where: str) -> None:
    """Raise UserError unless each of `splits`, labels by name, has images of every class that one of them has."""
    found = {name: set(classes_of(labels, f"{where}, {name} split")) for name, labels in splits.items()}
    every = set.union(*found.values())
    for name, own in found.items():
        if missing := sorted(every - own):
            raise UserError(
                f"{where}: class {missing[0]!r} has no image in the {name} split ({len(missing)} such classes); "
                "classes need images to learn from, to choose by and to be tested on"
            )


def check_shots(labels: Sequence[str], shots: int, where: str) -> None:
    """Raise UserError unless every class in `labels` has `shots` images or more; `where` names the split."""
    counts = Counter(labels)
    short = sorted((count, name) for name, count in counts.items() if count < shots)
    if short:
        count, name = short[0]
        others = f", and {len(short) - 1} more classes are short of it" if len(short) > 1 else ""
        raise UserError(
            f"{where}: class {name!r} has {count} images, fewer than the {shots} that are asked for{others}; "
            "ask for fewer shots, leave out small classes (min_images of the dataset), or take all of their "
            "images (short_classes: all)"
        )


def draw_shots(ids: Sequence[str], labels: Sequence[str], shots: int, draw: int) -> list[int]:
    """Return the positions of `shots` images of each class, class by class, by the hash of draw and id.

    Those of fewer shots are a part of those of more; where a class has fewer, all of it. Order is that of the
    classes' names, and in each that of the hash.
    """
    own: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        own.setdefault(label, []).append(position)
    return [
        position
        for label in sorted(own)
        for position in sorted(own[label], key=lambda p: (rank(ids[p], draw), ids[p]))[:shots]
    ]
