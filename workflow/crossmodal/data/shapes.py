"""Procedural scenes of shapes with compositional captions: no download, no end, every label known."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossmodal.data import scenes
from crossmodal.data.built import Built
from crossmodal.data.images import encode_png
from crossmodal.data.shapes_params import Params
from crossmodal.data.splits import split_of
from crossmodal.data.tables import SPLITS, Example
from crossmodal.progress import progress


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return `params.n` scenes; `sources` is not used.

    A scene depends on seed, index and `max_objects` alone, its split on what it shows and
    `params.split`: scenes in two styles, and the first scenes of a longer dataset, are the same.
    """
    return Built(
        splits={split: _examples(params, split) for split in SPLITS}, rejects=[], sheet=_sheet(params)
    )


def _examples(params: Params, split: str) -> Iterator[Example]:
    for index in progress(range(params.n), f"{params.style} {split}", unit="scene"):
        things = scenes.scene(params.seed, index, params.max_objects)
        label = scenes.label(things)
        if split_of(label, params.split) != split:
            continue
        name = f"{params.style}/{params.seed}-{index:07d}"
        pixels = scenes.paint(things, params.seed, index, params.style, params.image_size)
        group = scenes.NUMBERS[len(things) - 1].replace(" ", "-")
        yield Example(
            name, encode_png(pixels), f"{name}.png", scenes.captions(things), label, group, params.style
        )


def _sheet(params: Params) -> dict[str, Any]:
    """Return what is known about the dataset besides its counts."""
    return {
        "title": f"Shapes, {params.style}",
        "description": "Procedural scenes of one to three coloured shapes on a grid of nine places.",
        "sources": [
            {
                "name": "shapes",
                "version": f"seed {params.seed}",
                "licence": "MIT",
                "url": "",
                "author": "drawn by this program",
            }
        ],
        "captions": (
            "Five English descriptions a scene, made by rules: all attributes; a relation between the first "
            "and the last shape, both ways round; colours and shapes without and with places."
        ),
        "splits": "By what a scene shows, by a hash of seed and description: equal scenes are in one split.",
        "facts": {
            "shapes": len(scenes.SHAPES),
            "colours": len(scenes.COLOURS),
            "sizes": len(scenes.SIZES),
            "places": len(scenes.PLACES),
        },
        "known_limits": [
            "Nothing natural is shown: results say something about the pipeline, little about photographs.",
            "Only the first of a scene's captions is complete; others fit further scenes with other labels.",
            "Captions follow a grammar of a few rules and some thirty words.",
        ],
    }
