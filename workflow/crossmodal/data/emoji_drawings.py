"""Draw emoji in one style: which icon is which concept's, what is drawn twice, where it all comes from."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.data.base import Splits
from crossmodal.data.built import Reject
from crossmodal.data.emoji_captions import Captions, Words, holds_name
from crossmodal.data.emoji_params import EMOJIBASE, EMOJILIB, OPENMOJI, STYLES
from crossmodal.data.emoji_words import read_emojilib, read_openmoji
from crossmodal.data.emojibase import Concept, icon_names
from crossmodal.data.icons import IconSet, draw
from crossmodal.data.packages import Package
from crossmodal.data.splits import assign
from crossmodal.progress import progress

LIMITS = [
    "Captions name what is meant, not what is drawn; keywords stand in alphabetical order.",
    "Icons are found by name; a concept whose icon has another name counts as not drawn.",
    "Drawings that differ by a few pixels are kept: clock faces, families, flags of former territories.",
    "Flags, people and food follow Unicode's choice, which is uneven across cultures.",
    "emojilib and OpenMoji take over some of Unicode's keywords, so single words recur between families.",
]
"""Known limits of every dataset of emoji, for its data sheet."""


def read_words(sources: Mapping[str, Path]) -> Words:
    """Return what others than Unicode call emoji, from the tarballs in `sources` (by package name)."""
    return Words(read_emojilib(sources[EMOJILIB.name]), read_openmoji(sources[OPENMOJI.name]))


def judged_elsewhere(
    concepts: Sequence[Concept], shares: Splits | None, limit: int | None = None
) -> set[str]:
    """Return the concepts of which another dataset, split by these `shares`, has the drawings in val or test."""
    if shares is None:
        return set()
    elsewhere = assign((concept.slug for concept in concepts), shares, limit)
    return {slug for slug, split in elsewhere.items() if split != "train"}


def draw_style(
    style: str, icons: IconSet, concepts: Sequence[Concept], size: int, rejects: list[Reject]
) -> dict[str, bytes]:
    """Return slug -> PNG file of each concept that the style draws, in order; add to `rejects` what fails."""
    images: dict[str, bytes] = {}
    found = [(concept, name) for concept in concepts for name in icon_of(concept, icons)]
    for concept, name in progress(found, f"drawing {style}", unit="image"):
        try:
            images[concept.slug] = draw(icons, name, size)
        except ValueError as error:
            reason = f"icon {name} cannot be drawn: {error}"
            rejects.append(Reject(f"{style}/{concept.slug}", path_of(style, concept), reason))
    return images


def without_twins(images: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the images of which none before is the same."""
    first: dict[bytes, str] = {}
    for slug, image in images.items():
        first.setdefault(hashlib.sha256(image).digest(), slug)
    return {slug: images[slug] for slug in first.values()}


def path_of(style: str, concept: Concept) -> str:
    """Return the file name of a drawing, for people."""
    return f"{style}/{concept.group}/{concept.subgroup}/{concept.slug}.png"


def icon_of(concept: Concept, icons: IconSet) -> tuple[str, ...]:
    """Return the name of the icon that draws `concept`, or nothing if the set has none."""
    return tuple(name for name in icon_names(concept.label) if name in icons)[:1]


def caption_facts(concepts: Sequence[Concept], captions: Captions) -> dict[str, int]:
    """Return how many captions hold the whole name and how many are those of several concepts."""
    texts = [text for concept in concepts for text in captions[concept.slug]]
    named = sum(holds_name(text, concept) for concept in concepts for text in captions[concept.slug])
    return {
        "captions that hold the whole name": named,
        "captions that do not": len(texts) - named,
        "captions shared by several concepts": len(texts) - len(set(texts)),
    }


def sources_of(sets: Mapping[str, IconSet]) -> list[dict[str, str]]:
    """Return the sources of the words and of each style of `sets`, for the data sheet."""
    base = _source(
        EMOJIBASE, "MIT", "https://github.com/milesj/emojibase",
        "Miles Johnson; names and keywords by Unicode CLDR",
    )  # fmt: skip
    words = [
        _source(EMOJILIB, "MIT", "https://github.com/muan/emojilib", "Mu-An Chiou and contributors"),
        _source(OPENMOJI, "CC BY-SA 4.0", "https://openmoji.org", "OpenMoji (tags only)"),
    ]
    styles = [
        _source(
            STYLES[style], icons.info["license"]["title"], icons.info["author"].get("url", ""),
            icons.info["author"]["name"],
        )
        for style, icons in sets.items()
    ]  # fmt: skip
    return [base, *words, *styles]


def _source(package: Package, licence: str, url: str, author: str) -> dict[str, str]:
    return {
        "name": package.name, "version": package.version, "licence": licence, "url": url, "author": author,
        "sha512": package.sha512,
    }  # fmt: skip
