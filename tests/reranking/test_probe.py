"""The query-blind probe finds a style where there is one, nothing where there is none, and never its own fold."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.reranking.probe import FOLDS, RIDGE, _folds, _ridge, blind_scores


def _made_up(unit, n, shift, seed=0):
    vectors = unit(n, 16, seed)
    positive = np.arange(n) < n // 2
    vectors[:, 0] += np.where(positive, shift, -shift)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, positive, [f"label {i}" for i in range(n)]


def _area(scores, positive):
    return (scores[positive][:, None] > scores[~positive][None]).mean()


@pytest.mark.parametrize("shift, low, high", [(1.0, 0.99, 1.0), (0.0, 0.4, 0.6)])
def test_a_style_is_told_and_chance_is_chance(unit, shift, low, high):
    vectors, positive, labels = _made_up(unit, 600, shift)
    assert low <= _area(blind_scores(vectors, positive, labels, 0), positive) <= high


def test_what_a_label_shows_does_not_help_to_know_it(unit):
    """Twenty equal images of each label: a probe that saw the others of a label would know them all."""
    names = np.repeat(np.arange(60), 20)
    vectors, positive = unit(60, 64)[names], names % 2 == 0
    area = _area(blind_scores(vectors, positive, [str(name) for name in names], 0), positive)
    assert area < 0.8
    fold = _folds(positive, [str(name) for name in names], 0)
    assert all(len(set(fold[names == name])) == 1 for name in range(60))


@given(seed=st.integers(0, 99), positives=st.integers(FOLDS, 30), others=st.integers(FOLDS, 60))
@settings(max_examples=30)
def test_folds_hold_equal_shares_of_labels(seed, positives, others):
    positive = np.arange(positives + others) < positives
    fold = _folds(positive, [str(i) for i in range(len(positive))], seed)
    for side in (positive, ~positive):
        counts = np.bincount(fold[side], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_ridge_is_the_minimum_of_what_it_minimises(unit):
    """Against the same regression written as least squares of centred data with penalty rows."""
    x, others = unit(40, 5), unit(7, 5, 1)
    y = np.random.default_rng(0).random(40) < 0.4
    centred = np.vstack([x - x.mean(0), np.sqrt(RIDGE) * np.eye(5)])
    slope = np.linalg.lstsq(centred, np.append(y - y.mean(), np.zeros(5)), rcond=None)[0]
    np.testing.assert_allclose(_ridge(x, y, others), (others - x.mean(0)) @ slope, atol=1e-6)


def test_too_few_labels_are_no_probe(unit):
    vectors, positive, labels = _made_up(unit, 20, 0.0)
    assert blind_scores(vectors, positive, labels, 0) is not None
    few = np.arange(20) < FOLDS - 1
    assert blind_scores(vectors, few, labels, 0) is None
    assert blind_scores(vectors, positive, ["one"] * 20, 0) is None
