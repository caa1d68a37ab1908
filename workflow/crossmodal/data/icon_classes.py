"""Icons of one set, to be sorted into the categories that its makers gave them."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.data.archives import read_members
from crossmodal.data.built import Built, Reject
from crossmodal.data.class_counts import large_enough
from crossmodal.data.distinct_icons import Wanted, distinct_drawings
from crossmodal.data.emojibase import slug
from crossmodal.data.icon_classes_params import Params
from crossmodal.data.icons import IconSet, read_icons
from crossmodal.data.named_icons import plain_name
from crossmodal.data.splits import assign_within
from crossmodal.data.tables import Example
from crossmodal.errors import UserError

METADATA = "package/metadata.json"


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the set's tarball in `sources` (by package name).

    Image id is "set/icon", label the category in lower case and dashes, caption the icon's name in words and
    without its endings, group the family: "category/name without endings". An icon that stands in several
    categories is left out, since more than one answer would be right; so are those that show nothing or that are,
    to the pixel, one drawn before. All are counted.
    """
    (package,) = params.packages()
    tarball = sources[package.name]
    icons, facts = read_icons(tarball), Counter[str]()
    classes = _classes(params, icons, read_categories(tarball, package.name), facts)
    families = {icon: f"{label}/{plain_name(icon, params.endings)}" for icon, label in classes.items()}
    by_class: dict[str, set[str]] = {}
    for icon, label in classes.items():
        by_class.setdefault(label, set()).add(families[icon])
    splits = assign_within(by_class, params.split)
    rejects: list[Reject] = []
    wanted = [Wanted(params.icon_set, icons, sorted(classes))]
    drawings = distinct_drawings(wanted, params.image_size, rejects, facts)
    found = [
        (
            splits[families[icon]],
            Example(
                f"{params.icon_set}/{icon}", image, f"{params.icon_set}/{classes[icon]}/{icon}.png",
                [families[icon].partition("/")[2].replace("-", " ")], classes[icon], families[icon],
                params.icon_set,
            ),
        )
        for _, icon, image in drawings
    ]  # fmt: skip
    kept, left_out = large_enough(found, params)
    facts["families"] = len({example.group for part in kept.values() for example in part})
    return Built(kept, rejects, _sheet(params, icons, package._asdict(), dict(facts) | left_out))


def read_categories(tarball: Path, name: str) -> dict[str, list[str]]:
    """Return category -> icons, as the set's metadata have it; UserError where it has no categories."""
    found = json.loads(read_members(tarball, [METADATA])[METADATA]).get("categories")
    if not found:
        raise UserError(f"{name}: has no categories of its own in {METADATA}; choose a set that has")
    categories: dict[str, list[str]] = found
    return categories


def _classes(
    params: Params, icons: IconSet, categories: Mapping[str, Sequence[str]], facts: Counter[str]
) -> dict[str, str]:
    """Return icon -> class of each icon that may be in the dataset; what is left out goes into `facts`."""
    small = re.compile(f"({'|'.join(params.without)})$") if params.without else None
    shown = [name for name, icon in icons.content["icons"].items() if not icon.get("hidden")]
    of: dict[str, set[str]] = {}
    for category, names in categories.items():
        for name in names:
            of.setdefault(name, set()).add(slug(category))
    classes: dict[str, str] = {}
    for name in shown:
        if small and small.search(name):
            facts["icons left out by their endings"] += 1
        elif name not in of:
            facts["icons without a category left out"] += 1
        elif len(of[name]) > 1:
            facts["icons of several categories left out"] += 1
        else:
            (classes[name],) = of[name]
    return classes


def _sheet(
    params: Params, icons: IconSet, package: Mapping[str, str], facts: Mapping[str, int]
) -> dict[str, Any]:
    author = icons.info.get("author", {})
    source = {
        **package, "licence": icons.info["license"]["title"], "url": author.get("url", ""),
        "author": author.get("name", ""),
    }  # fmt: skip
    return {
        "title": f"Icons of {params.icon_set}, by category",
        "description": "Icons on white, black where they have no colours of their own; classes are their makers'.",
        "sources": [source],
        "captions": "One caption an icon: its name without the ending that tells it from others of its family.",
        "splits": (
            "By family within each class, ordered by a hash of seed and name: icons whose names differ by their "
            "endings, filled and outlined, are one family and in one split."
        ),
        "facts": dict(facts),
        "known_limits": [
            "Categories are one set's: some icons could as well stand in another.",
            "Two images of a family show one thing twice: there are fewer things than images.",
            "Names were chosen to find icons by: they say what an icon is for and how it is drawn.",
        ],
    }
