"""Emoji of up to ten design teams with captions from Unicode CLDR: one concept, many styles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.emoji_params import EMOJIBASE, STYLES, Params
from crossmodal.data.emojibase import Concept, icon_names, read_concepts
from crossmodal.data.icons import IconSet, draw, read_icons
from crossmodal.data.splits import assign
from crossmodal.data.tables import SPLITS, Example
from crossmodal.progress import progress


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name).

    The split is taken over all concepts, drawn or not, so that datasets of different styles agree.
    Label and image id are the concept's slug and "style/slug"; the group is Unicode's group of emoji.
    """
    concepts = read_concepts(sources[EMOJIBASE.name])
    splits = assign((concept.slug for concept in concepts), params.split, params.concepts)
    concepts = [concept for concept in concepts if concept.slug in splits]
    sets: dict[str, IconSet] = {style: read_icons(sources[STYLES[style].name]) for style in params.styles}
    found = {
        style: [(c, name) for c in concepts for name in _icon_of(c, icons)] for style, icons in sets.items()
    }
    rejects: list[Reject] = []

    def examples(split: str) -> Iterator[Example]:
        for style, icons in sets.items():
            chosen = [(concept, name) for concept, name in found[style] if splits[concept.slug] == split]
            for concept, name in progress(chosen, f"{style} {split}", unit="image"):
                path = f"{style}/{concept.group}/{concept.subgroup}/{concept.slug}.png"
                image_id = f"{style}/{concept.slug}"
                try:
                    image = draw(icons, name, params.image_size)
                except ValueError as error:
                    rejects.append(Reject(image_id, path, f"icon {name} cannot be drawn: {error}"))
                    continue
                captions = list(concept.captions)
                yield Example(image_id, image, path, captions, concept.slug, concept.group, style)

    return Built(
        splits={split: examples(split) for split in SPLITS},
        rejects=rejects,
        sheet=_sheet(sets, concepts, {style: len(pairs) for style, pairs in found.items()}),
    )


def _icon_of(concept: Concept, icons: IconSet) -> tuple[str, ...]:
    """Return the name of the icon that draws `concept`, or nothing if the set has none."""
    return tuple(name for name in icon_names(concept.label) if name in icons)[:1]


def _sheet(sets: dict[str, IconSet], concepts: list[Concept], drawn: dict[str, int]) -> dict[str, Any]:
    """Return what is known about the dataset before anything is drawn."""
    sources = [
        {
            "name": EMOJIBASE.name,
            "version": EMOJIBASE.version,
            "licence": "MIT",
            "url": "https://github.com/milesj/emojibase",
            "author": "Miles Johnson; names and keywords by Unicode CLDR",
            "sha512": EMOJIBASE.sha512,
        }
    ]
    for style, icons in sets.items():
        sources.append(
            {
                "name": STYLES[style].name,
                "version": STYLES[style].version,
                "licence": icons.info["license"]["title"],
                "url": icons.info["author"].get("url", ""),
                "author": icons.info["author"]["name"],
                "sha512": STYLES[style].sha512,
            }
        )
    texts = [text for concept in concepts for text in concept.captions]
    return {
        "title": "Emoji: " + ", ".join(sets),
        "description": "Drawings of emoji, one image a concept and style, on white, without skin tones.",
        "sources": sources,
        "captions": (
            "Five English captions a concept, made from its Unicode CLDR name, keywords, group and subgroup: "
            "the name; the name with keywords; the keywords; two templates. All styles share them."
        ),
        "splits": (
            "By concept, over all concepts of emojibase-data whether a style has drawn them or not, ordered "
            "by a hash of seed and name: a concept is in the same split in every style."
        ),
        "facts": {
            "concepts": len(concepts),
            **{f"concepts drawn by {style}": count for style, count in drawn.items()},
            "captions shared by several concepts": len(texts) - len(set(texts)),
        },
        "known_limits": [
            "Captions name what is meant, not what is drawn; keywords stand in alphabetical order.",
            "Icons are found by name; a concept whose icon has another name counts as not drawn.",
            "Some concepts look almost alike (clock faces, families, flags of former territories).",
            "Flags, people and food follow Unicode's choice, which is uneven across cultures.",
            "The keywords of some concepts are the same, so a caption of keywords may fit several images.",
        ],
    }
