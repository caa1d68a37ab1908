"""AUC of the query-blind probe against counting pairs; which images are compared with which."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.experiments.search.blindness import area, blind_estimates, probe_candidates
from crossmodal.experiments.search.records import SearchRecord
from crossmodal.search.gallery import Gallery


def _slow_area(scores, positive, weights):
    above = total = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            total += weights[i] * weights[j]
            above += weights[i] * weights[j] * (float(scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return above / total if total else np.nan


@given(n=st.integers(2, 25), distinct=st.integers(1, 9), seed=st.integers(0, 999))
@settings(max_examples=60)
def test_area_counts_pairs_and_half_of_ties(n, distinct, seed):
    rng = np.random.default_rng(seed)
    scores, positive = np.sort(rng.integers(distinct, size=n) / 7), rng.random(n) < 0.5
    weights = rng.integers(0, 4, size=(3, n))
    expected = [_slow_area(scores, positive, row) for row in weights]
    np.testing.assert_allclose(area(scores, positive, weights), expected)


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """60 answers and 60 own distractors of one style, 60 distractors of another."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(180, 8)).astype(np.float32)
    vectors[120:, 0] += 8
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [str(i) for i in range(180)]
    return Gallery(labels, labels, vectors, np.repeat([0, 1, 2], 60))


def _record(probes: dict) -> SearchRecord:
    return SearchRecord.model_validate(
        {"cell": "c", "seed": 0, "dataset": "d", "split": "test", "index": "flat", "items": 1, "bytes": 1}
        | {"samples_ms": [1.0], "probes": probes}
    )


def test_another_style_is_told_and_the_own_is_not(gallery) -> None:
    positions, asked = np.arange(180).reshape(18, 10), {str(i) for i in range(60)}
    probes = probe_candidates(gallery, positions, asked, [0, 1], 0)
    assert {name: len(probe["scores"]) for name, probe in probes.items()} == {
        "all": 180,
        "own": 120,
        "distractors": 120,
    }
    assert all(sum(probe["positive"]) == 60 for probe in probes.values())
    found = dict(blind_estimates(_record(probes), 200, 0))
    assert found["blind_auc_distractors"].value > 0.99
    assert 0.3 < found["blind_auc_own"].value < 0.7
    low, high = np.quantile(found["blind_auc_own"].samples, [0.025, 0.975])
    assert low < found["blind_auc_own"].value < high and 0.05 < high - low < 0.4


def test_only_candidates_count_and_each_once(gallery) -> None:
    positions = np.array([[*range(10), *range(60, 70)], [*range(10), *range(60, 69), -1]])
    probes = probe_candidates(gallery, positions, {str(i) for i in range(60)}, [0, 1], 0)
    assert set(probes) == {"all", "own"}, "of other datasets there is no candidate"
    assert len(probes["all"]["scores"]) == 20


def test_blocks_of_resamples_make_no_difference(gallery, monkeypatch) -> None:
    from crossmodal.experiments.search import blindness

    probes = probe_candidates(gallery, np.arange(180)[None], {str(i) for i in range(60)}, [0, 1], 0)
    whole = dict(blind_estimates(_record(probes), 50, 3))
    monkeypatch.setattr(blindness, "BLOCK", 1000)
    parts = dict(blind_estimates(_record(probes), 50, 3))
    assert whole.keys() == parts.keys()
    for metric, found in whole.items():
        np.testing.assert_allclose(parts[metric].samples, found.samples)
