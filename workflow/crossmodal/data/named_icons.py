"""Icons with one name each, of sets of Iconify: a domain for zero-shot retrieval and classification."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crossmodal.data.built import Built, Reject
from crossmodal.data.distinct_icons import Wanted, distinct_drawings
from crossmodal.data.icons import IconSet, read_icons
from crossmodal.data.named_icons_params import Params
from crossmodal.data.splits import rank
from crossmodal.data.tables import Example

LETTERS = 3
"""A name with fewer letters than this names nothing."""


class Chosen(NamedTuple):
    """An icon that stands for a name."""

    set_name: str
    icon: str
    name: str


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name), all of it in the test split.

    Image id is "set/icon", caption the name in words, label the name. No two images have one label, and no two are
    the same picture. Icons that their set hides are left out; so are those that show nothing or that are, to the
    pixel, one drawn before, and these are counted.
    """
    facts: Counter[str] = Counter()
    rejects: list[Reject] = []
    described: list[dict[str, Any]] = []
    found: dict[str, Chosen] = {}
    for set_name, package in zip(params.sets, params.packages(), strict=True):
        icons = read_icons(sources[package.name])
        for chosen in one_a_name(set_name, _shown(icons), params.endings):
            found.setdefault(chosen.name, chosen)
        described.append(_source(icons, package._asdict()))
    ordered = sorted(found.values(), key=lambda one: (rank(one.name, params.seed), one.name))
    kept = sorted(ordered[: params.limit], key=lambda one: (list(params.sets).index(one.set_name), one.name))
    named = {(one.set_name, one.icon): one.name for one in kept}

    def wanted() -> Iterator[Wanted]:
        for set_name, package in zip(params.sets, params.packages(), strict=True):
            if own := [one.icon for one in kept if one.set_name == set_name]:
                yield Wanted(set_name, read_icons(sources[package.name]), own)

    def examples() -> Iterator[Example]:
        for set_name, icon, image in distinct_drawings(wanted(), params.image_size, rejects, facts):
            image_id, name = f"{set_name}/{icon}", named[set_name, icon]
            words = name.replace("-", " ")
            yield Example(image_id, image, f"{image_id}.png", [words], name, set_name, set_name)

    return Built({"train": (), "val": (), "test": examples()}, rejects, _sheet(params, described, facts))


def one_a_name(set_name: str, icons: Sequence[str], endings: Sequence[str]) -> Iterator[Chosen]:
    """Yield one icon for each name: the first, by the alphabet, of those that differ by their endings."""
    taken = set()
    for icon in sorted(icons):
        name = plain_name(icon, endings)
        if name not in taken and sum(letter.isalpha() for letter in name) >= LETTERS:
            taken.add(name)
            yield Chosen(set_name, icon, name)


def plain_name(icon: str, endings: Sequence[str]) -> str:
    """Return the name of an icon without its `endings`, regular expressions; one that is nothing else keeps it."""
    ending = re.compile(f"({'|'.join(endings)})$") if endings else None
    name, before = icon, ""
    while ending and name != before:
        name, before = ending.sub("", name) or name, name
    return name


def _shown(icons: IconSet) -> list[str]:
    """Return the names of the icons that a set shows, without aliases."""
    return [name for name, icon in icons.content["icons"].items() if not icon.get("hidden")]


def _source(icons: IconSet, package: Mapping[str, str]) -> dict[str, str]:
    author = icons.info.get("author", {})
    licence, url = icons.info["license"]["title"], author.get("url", "")
    return {**package, "licence": licence, "url": url, "author": author.get("name", "")}


def _sheet(params: Params, sources: list[dict[str, Any]], facts: Counter[str]) -> dict[str, Any]:
    return {
        "title": f"Icons of {' and '.join(params.sets)}, one a name",
        "description": "Icons on white, black where they have no colours of their own.",
        "sources": sources,
        "captions": "One caption an icon: its name, with spaces for dashes.",
        "splits": "All in the test split: nothing is trained on it.",
        "facts": facts,
        "known_limits": [
            "Names were chosen to find icons by: they say what an icon is for and how it is drawn.",
            "Drawings of one thing under two names count as two things.",
        ],
    }
