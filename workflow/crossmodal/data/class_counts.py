"""Which classes have enough images to learn from few of them, to choose by some and to be tested on others."""

from collections import Counter
from collections.abc import Sequence

from crossmodal.data.class_sets import ClassSetParameters
from crossmodal.data.splits import rank
from crossmodal.data.tables import SPLITS, Example
from crossmodal.errors import UserError


def large_enough(
    found: Sequence[tuple[str, Example]], params: ClassSetParameters
) -> tuple[dict[str, list[Example]], dict[str, int]]:
    """Return the examples by split, of the classes with enough of them in each, and what was left out.

    `found` are split and example, in the order in which they are kept. Of a class and split there are as many as
    `params.limit` allows, by a hash of an image's id without its style, so that styles agree. Raises UserError,
    with the class that comes nearest, where none has enough.
    """
    counts: dict[str, Counter[str]] = {}
    for split, example in found:
        counts.setdefault(example.label, Counter())[split] += 1
    needed = {"train": params.min_images, "val": params.min_val_images, "test": params.min_test_images}
    kept = {label for label, own in counts.items() if all(own[split] >= n for split, n in needed.items())}
    if not kept:
        raise UserError(_no_class(counts, needed))
    splits: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for split, example in found:
        if example.label in kept:
            splits[split].append(example)
    used = sum(map(len, splits.values()))
    splits = {split: _limited(own, split, params) for split, own in splits.items()}
    return splits, {
        "classes": len(kept),
        "classes left out, with too few images": len(counts) - len(kept),
        "images of classes left out": len(found) - used,
        "images above the limit of a class left out": used - sum(map(len, splits.values())),
    }


def _limited(examples: Sequence[Example], split: str, params: ClassSetParameters) -> list[Example]:
    """Return the examples of a split with no more of each class than its share of the limit, at least one."""
    if params.limit is None:
        return list(examples)
    most = max(1, round(params.limit * getattr(params.split, split)))
    own: dict[str, list[str]] = {}
    for example in examples:
        own.setdefault(example.label, []).append(example.image_id)
    kept = {name for names in own.values() for name in sorted(names, key=_order)[:most]}
    return [example for example in examples if example.image_id in kept]


def _order(image_id: str) -> tuple[float, str]:
    name = image_id.partition("/")[2]
    return rank(name, 0), name


def _no_class(counts: dict[str, Counter[str]], needed: dict[str, int]) -> str:
    """Return one line on the class that has most of what is needed."""
    wanted = ", ".join(f"{n} in {split}" for split, n in needed.items())
    if not counts:
        return f"no class has enough images ({wanted}): not a single image was drawn; check the parameters"
    label, own = max(counts.items(), key=lambda item: _share(item[1], needed))
    has = ", ".join(f"{own[split]} in {split}" for split in needed)
    return (
        f"no class has enough images ({wanted}); {label} comes nearest with {has}: lower min_images, "
        "min_val_images or min_test_images"
    )


def _share(own: Counter[str], needed: dict[str, int]) -> float:
    """Return the share of what is needed that a class has in the split that lacks most."""
    return min(own[split] / max(n, 1) for split, n in needed.items())
