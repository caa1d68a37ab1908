"""Emoji of one style to be sorted into Unicode's subgroups: for learning from few examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.class_counts import large_enough
from crossmodal.data.emoji_captions import FAMILIES, RULES
from crossmodal.data.emoji_classes_params import Params
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
from crossmodal.data.emoji_families import family
from crossmodal.data.emoji_params import EMOJIBASE, STYLES
from crossmodal.data.emojibase import Concept, read_concepts
from crossmodal.data.icons import IconSet, read_icons
from crossmodal.data.splits import assign_within
from crossmodal.data.tables import Example


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset drawn from the tarballs in `sources` (by package name).

    Image id is "style/slug", label Unicode's subgroup, group the family (emoji_families.py). Families are split
    within each subgroup over all concepts, drawn or not, so that a concept is in one split in every style. Which
    classes have enough images is counted in this style. Of two concepts drawn alike the first is kept, as in the
    kind `emoji`.
    """
    every = read_concepts(sources[EMOJIBASE.name])
    captions = FAMILIES[params.captions](every, read_words(sources))
    splits = split_families(every, params)
    held_out = judged_elsewhere(every, params.held_out)
    concepts = [concept for concept in every if concept.slug not in held_out]
    icons = read_icons(sources[STYLES[params.style].name])
    rejects: list[Reject] = []
    drawn = draw_style(params.style, icons, concepts, params.image_size, rejects)
    images = without_twins(drawn)
    found = [
        (
            splits[family(concept)],
            Example(
                f"{params.style}/{concept.slug}", images[concept.slug], path_of(params.style, concept),
                list(captions[concept.slug]), concept.subgroup, family(concept), params.style,
            ),
        )
        for concept in concepts if concept.slug in images
    ]  # fmt: skip
    kept, left_out = large_enough(found, params)
    facts = {
        "concepts": len(concepts),
        "concepts drawn": len(drawn),
        "twins left out": len(drawn) - len(images),
        **left_out,
        "families": len({example.group for part in kept.values() for example in part}),
        **caption_facts(concepts, captions),
    }
    return Built(splits=kept, rejects=rejects, sheet=_sheet(params, icons, facts))


def split_families(concepts: Sequence[Concept], params: Params) -> dict[str, str]:
    """Return family -> split, of all concepts: within each of Unicode's subgroups in the shares of `params`."""
    families: dict[str, set[str]] = {}
    for concept in concepts:
        families.setdefault(concept.subgroup, set()).add(family(concept))
    return assign_within(families, params.split)


def _sheet(params: Params, icons: IconSet, facts: dict[str, int]) -> dict[str, Any]:
    """Return what is known about the dataset before it is counted."""
    unseen = " Concepts of another dataset's validation and test are left out." if params.held_out else ""
    return {
        "title": f"Emoji of {params.style}, by subgroup",
        "description": "Drawings of emoji, one image a concept, on white; their classes are Unicode's subgroups.",
        "sources": sources_of({params.style: icons}),
        "captions": RULES[params.captions],
        "splits": (
            "By family within each class: concepts whose names differ by who, where to, when, in which colour or "
            "size are one family. Families are ordered by a hash of seed and name, over all concepts whether this "
            f"style has drawn them or not: a concept is in the same split in every style.{unseen}"
        ),
        "facts": facts,
        "known_limits": [
            *LIMITS,
            "Classes are Unicode's, made for keyboards: some are of one kind, some of many.",
            "Families are told by words of names, within one class: drawings may be alike under other names.",
        ],
    }
