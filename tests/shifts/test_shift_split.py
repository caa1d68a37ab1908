"""A shifted dataset file: the same rows with other images, whatever the order of the file."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from crossmodal import registry
from crossmodal.data.images import encode_png, open_rgb
from crossmodal.data.tables import Example, read_examples, write_examples
from crossmodal.errors import UserError
from crossmodal.shifts.apply import ambiguous_of, losses_of, shift_split
from flat_drawings import drawn, flag, flat_drawings, heart

NOISE = {"kind": "corruption", "name": "gaussian_noise", "severity": 3}


@pytest.fixture
def examples(photograph):
    images = [photograph(40 + i, 36) for i in range(5)]
    return [
        Example(
            f"set/{i}", encode_png(image), f"{i}.jpg", [f"caption {i}", "é"], f"label {i}", "group", "style"
        )
        for i, image in enumerate(images)
    ]


@pytest.fixture
def write(tmp_path):
    def to_file(name, examples):
        path = tmp_path / name
        write_examples(path, examples)
        return path

    return to_file


def _shifted(source, seed=3, values=NOISE):
    destination = source.with_suffix(f".{seed}.shifted.parquet")
    count = shift_split(source, destination, registry.parse("shifts", values), seed)
    return destination, count


def test_only_the_images_change(write, examples):
    path, count = _shifted(write("a.parquet", examples))
    shifted = read_examples(path)
    assert count == len(shifted) == 5
    for old, new in zip(examples, shifted, strict=True):
        kept = ("image_id", "captions", "label", "group", "style")
        assert [getattr(old, k) for k in kept] == [getattr(new, k) for k in kept]
        assert new.path == old.path.replace(".jpg", ".png")
        assert open_rgb(new.image).size == open_rgb(old.image).size
        assert not np.array_equal(np.asarray(open_rgb(new.image)), np.asarray(open_rgb(old.image)))


def test_the_file_says_which_shift_it_holds(write, examples):
    path, _ = _shifted(write("a.parquet", examples))
    metadata = pq.read_schema(path).metadata
    assert json.loads(metadata[b"shift"]) == NOISE | {"largest_loss": 0.01}
    assert metadata[b"seed"] == b"3"


def test_a_caption_that_would_be_two_labels_stays_as_it_was(write):
    captions = {
        "Chile": "flag of Chile",
        "Peru": "flag of Peru",
        "octopus": "octopus",
        "Chile again": "flag of Chile",
    }
    examples = [
        Example(f"set/{name}", b"", "", [text], name.removesuffix(" again"), "", "")
        for name, text in captions.items()
    ]
    source = write("a.parquet", examples)
    # The last word of each caption falls for one of the first seeds; then "flag of" would be both countries.
    for seed in range(60):
        path, _ = _shifted(source, seed, {"kind": "word_drop", "severity": 5})
        shifted = {example.image_id: example.captions[0] for example in read_examples(path)}
        owners = {}
        for example in read_examples(path):
            owners.setdefault(example.captions[0].casefold(), set()).add(example.label)
        assert all(len(labels) == 1 for labels in owners.values())
        left = ambiguous_of(path)
        if left:
            for name in left:
                image_id, _, place = name.rpartition("#")
                assert shifted[image_id] == captions[image_id.removeprefix("set/")] and place == "0"
            break
    else:
        pytest.fail("no draw made a caption ambiguous")


def test_the_order_of_the_file_does_not_matter(write, examples):
    forward, _ = _shifted(write("a.parquet", examples))
    backward, _ = _shifted(write("b.parquet", examples[::-1]))
    assert read_examples(forward) == read_examples(backward)[::-1]


def test_the_seed_decides(write, examples):
    source = write("a.parquet", examples)
    first, second = _shifted(source)[0].read_bytes(), _shifted(source)[0].read_bytes()
    assert first == second
    assert read_examples(_shifted(source, seed=4)[0]) != read_examples(_shifted(source)[0])


def test_an_empty_split_stays_empty(write):
    path, count = _shifted(write("empty.parquet", []))
    assert count == 0 and read_examples(path) == []


def test_a_broken_image_is_named(write, examples):
    broken = Example("set/broken", examples[0].image[:60], "b.png", ["c"], "l", "g", "s")
    with pytest.raises(UserError, match="set/broken"):
        _shifted(write("a.parquet", [*examples, broken]))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.parquet"):
        _shifted(tmp_path / "nothing.parquet")


def _drawings(**images):
    return [
        Example(name, encode_png(image), f"{name}.png", [name], name, "g", "s")
        for name, image in images.items()
    ]


def test_the_file_says_what_was_lost(write):
    source = write("a.parquet", _drawings(**flat_drawings()))
    path, _ = _shifted(source, values={"kind": "pencil_sketch", "severity": 5})
    assert losses_of(path) == {"blank": [], "merged": []}
    assert losses_of(source) == {}


def test_a_shift_that_blanks_pictures_is_refused(write):
    source = write("a.parquet", _drawings(heart=drawn(heart("#f00")), flag=drawn(flag(["#fff", "#f00"]))))
    blanking = {"kind": "corruption", "name": "contrast", "severity": 5}
    with pytest.raises(UserError) as refused:
        _shifted(source, values=blanking)
    message = str(refused.value)
    assert message.startswith(
        f"{source}: the shift corruption leaves 2 of 2 images near-blank (heart, flag), more"
    )
    assert message.endswith("than 1 %: lower its severity, or raise its largest_loss") and "\n" not in message
    path, _ = _shifted(source, values=blanking | {"largest_loss": 1.0})
    assert losses_of(path) == {"blank": ["heart", "flag"], "merged": []}


def test_a_shift_that_makes_pictures_alike_is_refused(write):
    """Stripes of two pixels that begin with another colour are one grey at 2 px; equal pictures stay equal."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    turned = 255 - stripes
    pictures = {"a": stripes, "b": turned, "c": drawn(heart("#f00")), "d": drawn(heart("#f00"))}
    low = {"kind": "resolution", "size": 2, "largest_loss": 0.0}
    alike = {"kind": "corruption", "name": "defocus_blur", "severity": 1, "largest_loss": 0.0}
    path, _ = _shifted(write("twins.parquet", _drawings(c=pictures["c"], d=pictures["d"])), values=alike)
    assert losses_of(path) == {"blank": [], "merged": []}
    with pytest.raises(UserError, match=r"resolution (leaves|makes) 2 of 4 images"):
        _shifted(write("a.parquet", _drawings(**pictures)), values=low)


def test_pictures_that_were_empty_have_nothing_to_lose(write):
    white = np.full((64, 64, 3), 255, np.uint8)
    speck = white.copy()
    speck[30, 30] = 250
    source = write("a.parquet", _drawings(white=white, speck=speck, flag=drawn(flag(["#fff"]))))
    for values in ({"kind": "resolution", "size": 4}, {"kind": "pencil_sketch", "severity": 5}):
        path, _ = _shifted(source, values=values | {"largest_loss": 0.0})
        assert losses_of(path) == {"blank": [], "merged": []}
