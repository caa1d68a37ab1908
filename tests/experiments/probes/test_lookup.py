"""The look-up: right for all where words and drawings agree, at chance where drawings say nothing."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from crossmodal.data.images import Pixels
from crossmodal.data.tables import read_table
from crossmodal.errors import UserError
from crossmodal.experiments.probes import lookup
from crossmodal.experiments.probes.evaluate_probe import main
from probed import drawings, write_split

WORDS = [f"{first}{second}" for first in ("ba", "ko", "li", "mu") for second in ("zat", "fed", "gip", "hon")]
CAPTIONS = {word: [f"a {word}", f"{word} on white"] for word in WORDS}


def recall(known: Path, test: Path, folder: Path) -> dict[str, float]:
    """Return recall@1 of the probe by direction."""
    main([known], test, folder / "queries.parquet", {"wildcards": {"probe": "lookup"}})
    table = read_table(folder / "queries.parquet")
    return {
        direction: pc.mean(table.filter(pc.equal(table["direction"], direction))["recall@1"]).as_py()
        for direction in ("text_to_image", "image_to_text")
    }


def test_it_finds_all_where_words_and_drawings_are_the_crawl_s(tmp_path: Path) -> None:
    images = drawings(len(WORDS), seed=0)
    crawl = write_split(tmp_path / "crawl.parquet", images, CAPTIONS)
    brighter = [np.clip(image * 0.5 + 60, 0, 255).astype(np.uint8) for image in images]
    test = write_split(tmp_path / "test.parquet", brighter, {w: [f"one {w}", f"{w} here"] for w in WORDS})
    assert recall(crawl, test, tmp_path) == {"text_to_image": 1, "image_to_text": 1}


def test_it_is_at_chance_where_the_drawings_are_others(tmp_path: Path) -> None:
    crawl = write_split(tmp_path / "crawl.parquet", drawings(len(WORDS), seed=0), CAPTIONS)
    found = []
    for seed in range(1, 9):
        test = write_split(tmp_path / "test.parquet", drawings(len(WORDS), seed=seed), CAPTIONS)
        found.append(recall(crawl, test, tmp_path)["text_to_image"])
    deviation = np.sqrt(1 / len(WORDS) / (len(WORDS) * len(found)))  # captions of a concept ask alike
    assert np.mean(found) == pytest.approx(1 / len(WORDS), abs=4 * deviation)


def test_an_image_is_as_like_a_concept_as_its_most_similar_drawing() -> None:
    images, known = (np.stack(drawings(count, seed)) for count, seed in ((3, 1), (5, 2)))
    labels = ["b", "a", "b", "c", "a"]
    found = lookup.likeness(images, known, labels)

    def correlation(image: Pixels, drawing: Pixels) -> float:
        return float(np.corrcoef(image.ravel(), drawing.ravel())[0, 1])

    for row, image in zip(found, images, strict=True):
        expected = [
            max(
                correlation(image, drawing)
                for drawing, own in zip(known, labels, strict=True)
                if own == label
            )
            for label in ("b", "a", "c")
        ]
        assert row == pytest.approx(expected, abs=1e-5)
    assert (lookup.likeness(np.full_like(images[:1], 7), known, labels) == 0).all(), "one colour"


def test_a_caption_is_the_concept_that_it_reads_most_like_the_first_of_equal_ones() -> None:
    alike = np.array([[0.1, 0.4, 0.2], [0.3, 0.0, 0.3], [0.0, 0.0, 0.0]], dtype=np.float32)
    assert lookup.one_hot(alike).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_a_crawl_of_nothing_is_one_line(tmp_path: Path) -> None:
    empty = write_split(tmp_path / "train.parquet", [], {})
    with pytest.raises(UserError, match=r"train\.parquet: nothing to look up; the split is empty$"):
        lookup.embed([empty], empty)
