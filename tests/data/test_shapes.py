from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data import scenes, shapes
from crossmodal.data.shapes_params import Params
from crossmodal.data.tables import Example

STYLES = ("flat", "outline", "textured")


def examples(**values: object) -> dict[str, list[Example]]:
    params = Params.model_validate({"kind": "shapes", "image_size": 32, **values})
    return {split: list(part) for split, part in shapes.build(params, {}).splits.items()}


@pytest.mark.parametrize("style", STYLES)
def test_a_longer_dataset_begins_with_the_shorter_one(style: str) -> None:
    short, long = examples(n=40, style=style), examples(n=90, style=style)
    for split, part in short.items():
        assert long[split][: len(part)] == part
    assert sum(map(len, short.values())) == 40 and sum(map(len, long.values())) == 90


def test_seeds_differ() -> None:
    first, second = (examples(n=20, seed=seed)["train"] for seed in (0, 1))
    assert [e.label for e in first] != [e.label for e in second]


def test_styles_show_the_same_scenes_in_another_way() -> None:
    flat, outline, textured = (examples(n=60, style=style) for style in STYLES)
    for split in flat:
        for one, two, three in zip(flat[split], outline[split], textured[split], strict=True):
            assert one.label == two.label == three.label and one.captions == two.captions
            assert len({one.image, two.image, three.image}) == 3


def test_equal_scenes_are_in_one_split() -> None:
    parts = examples(n=1500, max_objects=1)
    labels = {split: {example.label for example in part} for split, part in parts.items()}
    assert sum(map(len, labels.values())) < 1500  # some scenes come twice
    assert not labels["train"] & labels["val"]
    assert not labels["train"] & labels["test"]
    assert not labels["val"] & labels["test"]


@given(seed=st.integers(0, 2**32), index=st.integers(0, 10**9), most=st.integers(1, 3))
def test_five_different_captions_and_a_label_that_tells_scenes_apart(
    seed: int, index: int, most: int
) -> None:
    things = scenes.scene(seed, index, most)
    assert 1 <= len(things) <= most
    assert len({thing.place for thing in things}) == len(things)
    texts = scenes.captions(things)
    assert len(texts) == len(set(texts)) == 5
    assert texts[0] == scenes.label(things)
    assert not any(" a orange" in f" {text}" for text in texts)


@given(one=st.integers(0, 8), other=st.integers(0, 8))
def test_relations_are_true_and_mirror_each_other(one: int, other: int) -> None:
    mirror = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    things = [scenes.Thing("small", "red", "star", place) for place in (one, other)]
    if one != other:
        relation = scenes._relation(*things)
        assert scenes._relation(*reversed(things)) == mirror[relation]
        if relation == "left of":
            assert one % 3 < other % 3
        if relation == "above":
            assert one < other


def test_a_shape_lies_where_its_label_says() -> None:
    for place in range(9):
        things = (scenes.Thing("large", "black", "square", place),)
        dark = scenes.paint(things, 0, place, "flat", 48).mean(axis=2) < 128
        row, column = (int(axis.mean() // 16) for axis in np.nonzero(dark))
        assert (row, column) == divmod(place, 3)


def test_colours_and_sizes_are_visible() -> None:
    pixels = {
        (size, colour): scenes.paint((scenes.Thing(size, colour, "circle", 4),), 0, 0, "flat", 64)
        for size in scenes.SIZES
        for colour in scenes.COLOURS
    }
    for colour, rgb in scenes.COLOURS.items():
        assert pixels["large", colour][32, 32].tolist() == list(rgb)
        small, large = ((pixels[size, colour] < 250).any(axis=2).sum() for size in ("small", "large"))
        assert large > 2 * small > 0


def test_the_scenes_of_a_seed_are_pinned() -> None:
    """Other scenes would silently change every number measured on them."""
    assert [scenes.label(scenes.scene(0, index, 3)) for index in range(3)] == [
        "large blue bar top right, large purple star centre, large black triangle right",
        "small brown triangle top, small red cross right",
        "large green circle top, small green triangle top right, small green triangle bottom right",
    ]


def test_no_source_is_needed(tmp_path: Path) -> None:
    params = Params(kind="shapes", n=3)
    assert params.packages() == () and params.files() == {}
