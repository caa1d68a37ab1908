"""Names that a model has met: runs of words of its captions, and nothing within a word."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.experiments.zero_shot.known import met_phrases, phrase, unmet_images
from probed import drawings, write_split

WORDS = st.lists(st.sampled_from(["red", "bed", "cat", "x"]), min_size=1, max_size=9)


def split(path: Path, captions: dict[str, list[str]]) -> Path:
    return write_split(path, drawings(len(captions), seed=0), captions)


def test_a_name_is_met_as_whole_words_in_their_order(tmp_path: Path) -> None:
    known = split(
        tmp_path / "train.parquet", {"loft": ["A catfish, in the SEA!", "Bath-tub"], "x": ["bed of roses"]}
    )
    names = [
        "catfish",
        "cat",
        "in the sea",
        "sea in",
        "bed",
        "bath tub",
        "of roses",
        "roses bed",
        "Bed",
        "loft",
    ]
    domain = split(tmp_path / "test.parquet", {name: [name] for name in names})
    [images] = unmet_images([domain], [known])
    unmet = {names[int(image.removeprefix("x/"))] for image in images}
    assert unmet == {"cat", "sea in", "roses bed", "loft"}, "a label is no caption"


def test_an_image_is_met_where_one_of_its_captions_is(tmp_path: Path) -> None:
    known = split(tmp_path / "train.parquet", {"x": ["a bed"]})
    domain = split(tmp_path / "test.parquet", {"0": ["couch", "bed"], "1": ["couch"]})
    assert unmet_images([domain, known], [known]) == [{"x/1"}, set()]


@given(caption=WORDS, start=st.integers(0, 8), length=st.integers(1, 6))
def test_every_short_run_of_a_caption_is_met(
    tmp_path_factory: pytest.TempPathFactory, caption: list[str], start: int, length: int
) -> None:
    path = split(tmp_path_factory.mktemp("known") / "train.parquet", {"y": [" ".join(caption)]})
    met = met_phrases([path])
    run = tuple(caption[start : start + length])
    assert not run or run in met
    assert tuple(caption) in met and phrase("y") not in met and ("dog",) not in met
