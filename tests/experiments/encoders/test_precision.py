"""Precision among the first k, against a plain loop; it falls where recall rises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.experiments.encoders.precision import CUTOFFS, by_image, precisions
from crossmodal.models.embeddings import Embeddings


def table(labels: list[str], vectors: np.ndarray) -> Embeddings:
    ids = [f"x{place}" for place in range(len(labels))]
    return Embeddings(ids, ids, labels, vectors.astype(np.float32), {})


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 15))
def test_it_is_the_share_of_right_items_among_the_first(seed: int, asking: int, items: int) -> None:
    draw = np.random.default_rng(seed)
    queries = table([str(n) for n in draw.integers(0, 4, asking)], draw.normal(size=(asking, 3)))
    gallery = table([str(n) for n in draw.integers(0, 4, items)], draw.normal(size=(items, 3)))
    found = precisions(queries, gallery)
    for row, (label, vector) in enumerate(zip(queries.labels, queries.vectors, strict=True)):
        order = np.argsort(-(gallery.vectors @ vector))
        right = [gallery.labels[item] == label for item in order]
        assert found[row] == pytest.approx([sum(right[:k]) / k for k in CUTOFFS])


def test_equal_similarities_count_for_the_worst() -> None:
    same = np.ones((4, 2))
    assert precisions(table(["a"], same[:1]), table(["a", "b", "b", "b"], same))[0].tolist() == [0, 0.2, 0.1]


def test_with_one_right_item_it_falls_with_k() -> None:
    vectors = np.eye(12)
    labels = [str(n) for n in range(12)]
    found = precisions(table(labels, vectors), table(labels, vectors)).mean(axis=0)
    assert found == pytest.approx([1.0, 0.2, 0.1])


def test_queries_of_an_image_are_summed() -> None:
    images, sums, counts = by_image(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), ["b", "a", "b"])
    assert images == ["a", "b"] and sums.tolist() == [[3, 4], [6, 8]] and counts.tolist() == [1, 2]
