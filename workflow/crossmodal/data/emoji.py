"""Emoji in up to ten styles by six design teams, with captions from several sources: one concept, many styles."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.emoji_captions import FAMILIES, RULES, Captions, Words, holds_name
from crossmodal.data.emoji_params import EMOJIBASE, EMOJILIB, OPENMOJI, STYLES, Params
from crossmodal.data.emoji_words import read_emojilib, read_openmoji
from crossmodal.data.emojibase import Concept, icon_names, read_concepts
from crossmodal.data.icons import IconSet, draw, read_icons
from crossmodal.data.packages import Package
from crossmodal.data.splits import assign
from crossmodal.data.tables import SPLITS, Example
from crossmodal.progress import progress


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name).

    The split is taken over all concepts, drawn or not, so that datasets of different styles agree.
    Label and image id are the concept's slug and "style/slug"; the group is Unicode's group of emoji. Where a
    style draws two concepts alike, to the pixel, only the first in Unicode's order is kept: the other's captions
    would have a wrong answer that looks right, and its twin may stand in another split.
    """
    every = read_concepts(sources[EMOJIBASE.name])
    words = Words(read_emojilib(sources[EMOJILIB.name]), read_openmoji(sources[OPENMOJI.name]))
    captions = FAMILIES[params.captions](every, words)
    splits = assign((concept.slug for concept in every), params.split, params.concepts)
    held_out = _held_out(every, params)
    concepts = [concept for concept in every if concept.slug in splits and concept.slug not in held_out]
    sets: dict[str, IconSet] = {style: read_icons(sources[STYLES[style].name]) for style in params.styles}
    rejects: list[Reject] = []
    drawn = {
        style: _draw(style, icons, concepts, params.image_size, rejects) for style, icons in sets.items()
    }
    kept = {style: _without_twins(images) for style, images in drawn.items()}

    def examples(split: str) -> Iterator[Example]:
        for style, images in kept.items():
            for concept in concepts:
                if concept.slug in images and splits[concept.slug] == split:
                    yield Example(
                        f"{style}/{concept.slug}", images[concept.slug], _path(style, concept),
                        list(captions[concept.slug]), concept.slug, concept.group, style,
                    )  # fmt: skip

    facts: dict[str, Any] = {
        "concepts": len(concepts),
        **{f"concepts drawn by {style}": len(images) for style, images in drawn.items()},
        **{f"twins left out of {style}": len(drawn[style]) - len(images) for style, images in kept.items()},
        **_caption_facts(concepts, captions),
    }
    return Built(
        splits={split: examples(split) for split in SPLITS},
        rejects=rejects,
        sheet=_sheet(params, sets, facts),
    )


def _held_out(concepts: Sequence[Concept], params: Params) -> set[str]:
    """Return the concepts that are left out since another dataset is judged on them."""
    if params.held_out is None:
        return set()
    elsewhere = assign((concept.slug for concept in concepts), params.held_out, params.concepts)
    return {slug for slug, split in elsewhere.items() if split != "train"}


def _draw(
    style: str, icons: IconSet, concepts: Sequence[Concept], size: int, rejects: list[Reject]
) -> dict[str, bytes]:
    """Return slug -> PNG file of each concept that the style draws, in order; add to `rejects` what fails."""
    images: dict[str, bytes] = {}
    found = [(concept, name) for concept in concepts for name in _icon_of(concept, icons)]
    for concept, name in progress(found, f"drawing {style}", unit="image"):
        try:
            images[concept.slug] = draw(icons, name, size)
        except ValueError as error:
            reason = f"icon {name} cannot be drawn: {error}"
            rejects.append(Reject(f"{style}/{concept.slug}", _path(style, concept), reason))
    return images


def _without_twins(images: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the images of which none before is the same."""
    first: dict[bytes, str] = {}
    for slug, image in images.items():
        first.setdefault(hashlib.sha256(image).digest(), slug)
    return {slug: images[slug] for slug in first.values()}


def _path(style: str, concept: Concept) -> str:
    return f"{style}/{concept.group}/{concept.subgroup}/{concept.slug}.png"


def _icon_of(concept: Concept, icons: IconSet) -> tuple[str, ...]:
    """Return the name of the icon that draws `concept`, or nothing if the set has none."""
    return tuple(name for name in icon_names(concept.label) if name in icons)[:1]


def _caption_facts(concepts: Sequence[Concept], captions: Captions) -> dict[str, Any]:
    texts = [text for concept in concepts for text in captions[concept.slug]]
    named = sum(holds_name(text, concept) for concept in concepts for text in captions[concept.slug])
    return {
        "captions that hold the whole name": named,
        "captions that do not": len(texts) - named,
        "captions shared by several concepts": len(texts) - len(set(texts)),
    }


def _sheet(params: Params, sets: Mapping[str, IconSet], facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is known about the dataset before it is counted."""

    def source(package: Package, licence: str, url: str, author: str) -> dict[str, str]:
        return {
            "name": package.name, "version": package.version, "licence": licence, "url": url, "author": author,
            "sha512": package.sha512,
        }  # fmt: skip

    base = source(
        EMOJIBASE, "MIT", "https://github.com/milesj/emojibase",
        "Miles Johnson; names and keywords by Unicode CLDR",
    )  # fmt: skip
    words = [
        source(EMOJILIB, "MIT", "https://github.com/muan/emojilib", "Mu-An Chiou and contributors"),
        source(OPENMOJI, "CC BY-SA 4.0", "https://openmoji.org", "OpenMoji (tags only)"),
    ]
    styles = [
        source(
            STYLES[style], icons.info["license"]["title"], icons.info["author"].get("url", ""),
            icons.info["author"]["name"],
        )
        for style, icons in sets.items()
    ]  # fmt: skip
    unseen = " Concepts of another dataset's validation and test are left out." if params.held_out else ""
    return {
        "title": "Emoji: " + ", ".join(sets),
        "description": "Drawings of emoji, one image a concept and style, on white, without skin tones.",
        "sources": [base, *words, *styles],
        "captions": f"{RULES[params.captions]} All styles share them.",
        "splits": (
            "By concept, over all concepts of emojibase-data whether a style has drawn them or not, ordered "
            f"by a hash of seed and name: a concept is in the same split in every style.{unseen}"
        ),
        "facts": facts,
        "known_limits": [
            "Captions name what is meant, not what is drawn; keywords stand in alphabetical order.",
            "Icons are found by name; a concept whose icon has another name counts as not drawn.",
            "Drawings that differ by a few pixels are kept: clock faces, families, flags of former territories.",
            "Flags, people and food follow Unicode's choice, which is uneven across cultures.",
            "emojilib and OpenMoji take over some of Unicode's keywords, so single words recur between families.",
        ],
    }
