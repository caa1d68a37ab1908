"""How captions of an image differ, checked against counting by hand."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.statistics.captions import caption_numbers
from crossmodal.statistics.queries import evaluate_set
from crossmodal.statistics.records import QueryRecord
from crossmodal.statistics.settings import StatisticsParameters

STATISTICS = StatisticsParameters(resamples=200, bootstrap_seed=1)
IMAGES, CAPTIONS = 12, 3


class Table:
    def __init__(self, ids: list[str], owners: list[str], vectors: np.ndarray) -> None:
        self.ids, self.image_ids, self.labels = (
            ids,
            owners,
            [owner.replace("image", "label") for owner in owners],
        )
        self.vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def result(folder: Path, seed: int, captions: int = CAPTIONS) -> tuple[QueryRecord, Table, Table]:
    generator = np.random.default_rng(seed)
    names = [f"image-{i}" for i in range(IMAGES)]
    images = Table(names, names, generator.normal(size=(IMAGES, 8)))
    owners = [name for name in names for _ in range(captions)]
    # The first caption is nearest to its image, the last farthest.
    noise = np.tile(np.linspace(0.2, 2.0, captions), IMAGES)[:, None]
    vectors = (
        np.repeat(images.vectors, captions, axis=0) + noise * generator.normal(size=(len(owners), 8)) / 3
    )
    texts = Table([f"{name}#{k}" for name in names for k in range(captions)], owners, vectors)
    path = folder / f"{seed}.parquet"
    evaluate_set(images, texts, path)
    record = QueryRecord(
        experiment="peft",
        cell="full",
        seed=seed,
        dataset="drawings",
        split="test",
        variant="clean",
        path=path,
    )
    return record, images, texts


def test_recall_by_place_and_concepts_among_the_first(tmp_path: Path) -> None:
    found = [result(tmp_path, seed) for seed in (0, 1)]
    numbers = {n.number_id: n for n in caption_numbers([record for record, *_ in found], STATISTICS)}
    hits, concepts = np.zeros((2, CAPTIONS)), np.zeros(2)
    for seed, (_, images, texts) in enumerate(found):
        similarity = texts.vectors @ images.vectors.T
        right = similarity.argmax(axis=1) == np.repeat(np.arange(IMAGES), CAPTIONS)
        hits[seed] = right.reshape(IMAGES, CAPTIONS).mean(axis=0)
        first = np.argsort(-similarity.T, axis=1)[:, :5]
        concepts[seed] = np.mean([len({texts.labels[i] for i in row}) for row in first])
    for place in range(CAPTIONS):
        name = f"peft/full/s*/drawings/test/clean@caption-{place + 1}/text_to_image/recall@1"
        assert numbers[name].value == pytest.approx(hits[:, place].mean())
        assert (numbers[name].n_queries, numbers[name].n_seeds) == (IMAGES, 2)
    number = numbers["peft/full/s*/drawings/test/clean/image_to_text/concepts_in_first_5"]
    assert number.value == pytest.approx(concepts.mean()) and number.unit == "concepts"
    assert number.ci_low < number.value < number.ci_high
    # One caption in several forms would have two concepts among the first five, all places being alike.
    assert hits[:, 0].mean() > hits[:, -1].mean()


def test_single_captions_have_no_places(tmp_path: Path) -> None:
    record, *_ = result(tmp_path, 3, captions=1)
    names = {number.number_id for number in caption_numbers([record], STATISTICS)}
    assert not any("@caption" in name for name in names)
    assert "peft/full/s3/drawings/test/clean/image_to_text/concepts_in_first_5" in names


def test_nothing_without_results() -> None:
    assert caption_numbers([], STATISTICS) == []
