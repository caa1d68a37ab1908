"""Metrics against slow obvious code, ties included, and against torchmetrics without ties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_hit_rate,
    retrieval_normalized_dcg,
)

from crossmodal.errors import UserError
from crossmodal.statistics import metrics


def slow_scores(similarities, positive):
    """Ranks by the definition: place among the positives plus the non-positives that are not below."""
    results, ranks = [], []
    for row, is_positive in zip(similarities, positive, strict=True):
        own = sorted((s for s, p in zip(row, is_positive, strict=True) if p), reverse=True)
        others = [s for s, p in zip(row, is_positive, strict=True) if not p]
        places = [j + sum(other >= score for other in others) for j, score in enumerate(own, start=1)]
        result = {f"recall@{k}": float(places[0] <= k) for k in (1, 5, 10)}
        for k in (10, 100):
            gain = sum(1 / math.log2(place + 1) for place in places if place <= k)
            ideal = sum(1 / math.log2(place + 1) for place in range(1, min(len(own), k) + 1))
            result[f"ndcg@{k}"] = gain / ideal
        result["map"] = sum(j / place for j, place in enumerate(places, start=1)) / len(places)
        results.append(result)
        ranks.append(places[0])
    return results, ranks


@st.composite
def blocks(draw):
    """Similarities from few values, so that ties are common; each query has a positive."""
    queries, gallery = draw(st.integers(1, 6)), draw(st.integers(1, 130))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = np.array([-1.0, -0.25, -0.0, 0.0, 2.0**-20, 0.5, 1.0], dtype=np.float32)[
        : draw(st.integers(1, 7))
    ]
    similarities = rng.choice(levels, size=(queries, gallery))
    labels = rng.integers(0, draw(st.integers(1, 8)), size=gallery)
    return similarities, rng.choice(labels, size=queries), labels


@settings(max_examples=150)
@given(blocks())
def test_equals_the_definition_with_ties(block):
    similarities, query_labels, gallery_labels = block
    positive = query_labels[:, None] == gallery_labels
    fast = metrics.score_similarities(similarities, positive)
    slow, ranks = slow_scores(similarities.tolist(), positive)
    assert fast.rank.tolist() == ranks
    for name in metrics.METRICS:
        np.testing.assert_allclose(fast.metrics[name], [row[name] for row in slow], atol=1e-12)


@settings(max_examples=50)
@given(blocks())
def test_order_is_descending_with_positives_last_among_ties(block):
    similarities, query_labels, gallery_labels = block
    positive = query_labels[:, None] == gallery_labels
    order, relevance = metrics.worst_case_order(similarities, positive)
    assert (np.sort(order, axis=1) == np.arange(len(gallery_labels))).all()
    assert (np.take_along_axis(positive, order, 1) == relevance).all()
    scores = np.take_along_axis(similarities, order, 1)
    assert (np.diff(scores, axis=1) <= 0).all()
    tied = np.diff(scores, axis=1) == 0
    assert (relevance[:, 1:] >= relevance[:, :-1])[tied].all()


def slow_concepts(row, own, labels):
    """Every label scored from its items; labels that are not below the query's own stand before it."""
    found = {}
    for name, score in (
        ("concept_recall", max),
        ("concept_mean_recall", lambda v: np.float32(sum(v) / len(v))),
    ):
        scores = {
            label: score([float(s) for s, other in zip(row, labels, strict=True) if other == label])
            for label in set(labels)
        }
        rank = 1 + sum(value >= scores[own] for label, value in scores.items() if label != own)
        found |= {f"{name}@{k}": float(rank <= k) for k in (1, 5, 10)}
    return found


@settings(max_examples=100)
@given(blocks())
def test_recall_by_concept_equals_the_definition_with_ties(block):
    similarities, query_labels, gallery_labels = block
    fast = metrics.score_concepts(similarities, query_labels, gallery_labels)
    assert list(fast) == list(metrics.CONCEPT_METRICS)
    slow = [
        slow_concepts(row, own, gallery_labels.tolist())
        for row, own in zip(similarities, query_labels.tolist(), strict=True)
    ]
    for name in metrics.CONCEPT_METRICS:
        assert fast[name].tolist() == [row[name] for row in slow]


@settings(max_examples=50)
@given(blocks())
def test_of_concepts_with_one_item_recall_is_recall(block):
    similarities, _, gallery_labels = block
    labels = np.random.default_rng(0).permutation(len(gallery_labels))
    own = (
        labels[: len(similarities)]
        if len(labels) >= len(similarities)
        else np.full(len(similarities), labels[0])
    )
    fast = metrics.score_concepts(similarities, own, labels)
    items = metrics.score_similarities(similarities, own[:, None] == labels).metrics
    for k in (1, 5, 10):
        for name in ("concept_recall", "concept_mean_recall"):
            assert (fast[f"{name}@{k}"] == items[f"recall@{k}"]).all()


def test_captions_of_one_wrong_concept_take_one_place():
    eye = np.eye(3, dtype=np.float32)
    captions = np.stack([eye[0], eye[0], eye[0], eye[1], eye[2]])
    query = np.array([[0.9, 0.8, 0.0]], dtype=np.float32)
    found = metrics.score_queries(query, captions, np.array([1]), np.array([0, 0, 0, 1, 2])).metrics
    assert found["recall@1"] == 0 and found["concept_recall@1"] == 0 and found["concept_recall@5"] == 1
    nearest = metrics.score_queries(query, captions, np.array([0]), np.array([0, 0, 0, 1, 2])).metrics
    assert nearest["concept_recall@1"] == nearest["concept_mean_recall@1"] == 1


def test_equals_torchmetrics_without_ties():
    rng = np.random.default_rng(1)
    similarities = rng.permuted(np.arange(12 * 150, dtype=np.float32).reshape(12, 150), axis=1)
    labels = rng.integers(0, 12, size=150)
    positive = np.arange(12)[:, None] == labels
    fast = metrics.score_similarities(similarities, positive)
    for i in range(12):
        scores, target = torch.from_numpy(similarities[i]), torch.from_numpy(positive[i])
        for k in (1, 5, 10):
            assert fast.metrics[f"recall@{k}"][i] == retrieval_hit_rate(scores, target, top_k=k)
        for k in (10, 100):
            expected = float(retrieval_normalized_dcg(scores, target, top_k=k))
            assert fast.metrics[f"ndcg@{k}"][i] == pytest.approx(expected, abs=1e-6)
        expected = float(retrieval_average_precision(scores, target))
        assert fast.metrics["map"][i] == pytest.approx(expected, abs=1e-6)


def test_blocks_do_not_change_results():
    rng = np.random.default_rng(2)
    gallery = rng.normal(size=(70, 16)).astype(np.float32)
    gallery[40:60] = gallery[:20]  # equal vectors tie whatever the block
    queries, labels = gallery + rng.normal(size=(70, 16)).astype(np.float32), rng.integers(0, 20, size=70)
    whole = metrics.score_queries(queries, gallery, labels, labels)
    small = metrics.score_queries(queries, gallery, labels, labels, block=71)
    assert (whole.rank == small.rank).all() and (whole.top == small.top).all()
    for name in metrics.METRICS:
        assert (whole.metrics[name] == small.metrics[name]).all()


def test_constant_model_scores_zero():
    """Every image and caption at one point of space: no recall, though argsort would find the diagonal."""
    rng = np.random.default_rng(3)
    vector = rng.normal(size=128)
    same = np.tile((vector / np.linalg.norm(vector)).astype(np.float32), (211, 1))
    scores = metrics.score_queries(same, same, np.arange(211), np.arange(211))
    for name in metrics.METRICS[:-1]:
        assert not scores.metrics[name].any()
    assert (scores.rank == 211).all()
    assert scores.metrics["map"] == pytest.approx(np.full(211, 1 / 211))


def test_perfect_model_scores_one():
    eye = np.eye(30, dtype=np.float32)
    labels = np.arange(30) // 3
    captions = np.repeat(np.eye(10, dtype=np.float32), 3, axis=1)
    scores = metrics.score_queries(captions, eye, np.arange(10), labels)
    assert all((scores.metrics[name] == 1).all() for name in metrics.METRICS)
    assert (scores.top[:, :3] // 3 == np.arange(10)[:, None]).all()


@settings(max_examples=50)
@given(blocks())
def test_full_lists_equal_the_ranking(block):
    similarities, query_labels, gallery_labels = block
    ranking = metrics.score_similarities(similarities, query_labels[:, None] == gallery_labels)
    order, _ = metrics.worst_case_order(similarities, query_labels[:, None] == gallery_labels)
    lists = metrics.score_lists(order, query_labels, gallery_labels)
    assert (lists.rank == ranking.rank).all()
    for name in metrics.METRICS:
        np.testing.assert_allclose(lists.metrics[name], ranking.metrics[name])


def test_truncated_lists_count_what_they_miss():
    positions = np.array([[2, 0, -1], [1, -1, -1]])
    scores = metrics.score_lists(positions, np.array([7, 9]), np.array([7, 8, 9, 7]))
    assert scores.rank.tolist() == [2, 0]
    assert scores.metrics["map"].tolist() == [0.25, 0.0]  # one of two positives, at rank 2
    assert scores.metrics["recall@1"].tolist() == [0.0, 0.0]
    assert scores.metrics["recall@5"].tolist() == [1.0, 0.0]


def test_query_without_positive_and_diverged_model_are_errors():
    with pytest.raises(UserError, match="no positive"):
        metrics.score_lists(np.array([[0]]), np.array([3]), np.array([4]))
    bad = np.array([[np.nan, 1.0]], dtype=np.float32)
    with pytest.raises(UserError, match="not finite"):
        metrics.score_queries(bad, bad, np.array([0]), np.array([0]))
