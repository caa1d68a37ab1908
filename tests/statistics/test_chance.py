"""What random order finds, beside rankings that are drawn at random."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.statistics.chance import chance_recalls
from crossmodal.statistics.queries import IMAGE_TO_TEXT, TEXT_TO_IMAGE, Part, evaluate_set


def write(path: Path, captions_each: list[int], vectors: np.ndarray) -> Path:
    """Write the queries of images with so many captions each; `vectors` are those of images, then of captions."""
    images = [f"x/{place}" for place in range(len(captions_each))]
    owners = [image for image, count in zip(images, captions_each, strict=True) for _ in range(count)]
    ids = [f"{owner}#{place}" for place, owner in enumerate(owners)]
    evaluate_set(
        Part(images, images, images, vectors[: len(images)]),
        Part(ids, owners, owners, vectors[len(images) :]),
        path,
    )
    return path


def test_one_answer_among_many_is_k_of_them(tmp_path: Path) -> None:
    path = write(tmp_path / "queries.parquet", [1] * 40, np.zeros((80, 2), np.float32))
    expected = {"recall@1": 1 / 40, "recall@5": 5 / 40, "recall@10": 10 / 40}
    for found in chance_recalls(path).values():
        assert found == pytest.approx(expected)


@settings(max_examples=5)
@given(captions_each=st.lists(st.integers(1, 4), min_size=3, max_size=12))
def test_it_is_the_mean_over_random_orders(
    tmp_path_factory: pytest.TempPathFactory, captions_each: list[int]
) -> None:
    path = write(
        tmp_path_factory.mktemp("chance") / "queries.parquet",
        captions_each,
        np.zeros((len(captions_each) + sum(captions_each), 2), np.float32),
    )
    draws = np.random.default_rng(0)
    owners = np.repeat(np.arange(len(captions_each)), captions_each)
    galleries = {TEXT_TO_IMAGE: (owners, np.arange(len(captions_each)))}
    galleries[IMAGE_TO_TEXT] = galleries[TEXT_TO_IMAGE][::-1]
    for direction, found in chance_recalls(path).items():
        queries, gallery = galleries[direction]
        for k in (1, 5, 10):
            tops = [draws.permutation(gallery)[:k] for _ in range(2000)]
            drawn = np.mean([[query in top for query in queries] for top in tops])
            assert found[f"recall@{k}"] == pytest.approx(drawn, abs=0.05)
