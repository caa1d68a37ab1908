"""Emoji in up to ten styles by six design teams, with captions from several sources: one concept, many styles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.emoji_captions import FAMILIES, RULES
from crossmodal.data.emoji_drawings import (
    LIMITS,
    caption_facts,
    draw_style,
    judged_elsewhere,
    path_of,
    read_words,
    sources_of,
    without_twins,
)
from crossmodal.data.emoji_params import EMOJIBASE, STYLES, Params
from crossmodal.data.emojibase import read_concepts
from crossmodal.data.icons import IconSet, read_icons
from crossmodal.data.splits import assign
from crossmodal.data.tables import SPLITS, Example


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name).

    The split is taken over all concepts, drawn or not, so that datasets of different styles agree.
    Label and image id are the concept's slug and "style/slug"; the group is Unicode's group of emoji. Where a
    style draws two concepts alike, to the pixel, only the first in Unicode's order is kept: the other's captions
    would have a wrong answer that looks right, and its twin may stand in another split.
    """
    every = read_concepts(sources[EMOJIBASE.name])
    captions = FAMILIES[params.captions](every, read_words(sources))
    splits = assign((concept.slug for concept in every), params.split, params.concepts)
    held_out = judged_elsewhere(every, params.held_out, params.concepts)
    concepts = [concept for concept in every if concept.slug in splits and concept.slug not in held_out]
    sets: dict[str, IconSet] = {style: read_icons(sources[STYLES[style].name]) for style in params.styles}
    rejects: list[Reject] = []
    drawn = {
        style: draw_style(style, icons, concepts, params.image_size, rejects) for style, icons in sets.items()
    }
    kept = {style: without_twins(images) for style, images in drawn.items()}

    def examples(split: str) -> Iterator[Example]:
        for style, images in kept.items():
            for concept in concepts:
                if concept.slug in images and splits[concept.slug] == split:
                    yield Example(
                        f"{style}/{concept.slug}", images[concept.slug], path_of(style, concept),
                        list(captions[concept.slug]), concept.slug, concept.group, style,
                    )  # fmt: skip

    facts: dict[str, Any] = {
        "concepts": len(concepts),
        **{f"concepts drawn by {style}": len(images) for style, images in drawn.items()},
        **{f"twins left out of {style}": len(drawn[style]) - len(images) for style, images in kept.items()},
        **caption_facts(concepts, captions),
    }
    return Built(
        splits={split: examples(split) for split in SPLITS},
        rejects=rejects,
        sheet=_sheet(params, sets, facts),
    )


def _sheet(params: Params, sets: Mapping[str, IconSet], facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is known about the dataset before it is counted."""
    unseen = " Concepts of another dataset's validation and test are left out." if params.held_out else ""
    return {
        "title": "Emoji: " + ", ".join(sets),
        "description": "Drawings of emoji, one image a concept and style, on white, without skin tones.",
        "sources": sources_of(sets),
        "captions": f"{RULES[params.captions]} All styles share them.",
        "splits": (
            "By concept, over all concepts of emojibase-data whether a style has drawn them or not, ordered "
            f"by a hash of seed and name: a concept is in the same split in every style.{unseen}"
        ),
        "facts": facts,
        "known_limits": LIMITS,
    }
