"""AUC of the query-blind probe against counting pairs; which images are compared with which."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.experiments.search.blindness import area, blind_estimates
from crossmodal.experiments.search.probes import pair_scores, probe_candidates
from crossmodal.experiments.search.records import Probe
from crossmodal.search.gallery import Candidates, Gallery


def _slow_area(scores, answers, others):
    above = total = 0.0
    for i in range(len(scores)):
        for j in range(len(scores)):
            pairs = answers[i] * others[j]
            total += pairs
            above += pairs * (float(scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return above / total if total else np.nan


@given(n=st.integers(2, 25), distinct=st.integers(1, 9), seed=st.integers(0, 999))
@settings(max_examples=60)
def test_area_counts_pairs_and_half_of_ties(n, distinct, seed):
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.integers(distinct, size=n) / 7)
    answers, others = rng.integers(0, 4, size=(2, 3, n))
    expected = [_slow_area(scores, *rows) for rows in zip(answers, others, strict=True)]
    np.testing.assert_allclose(area(scores, answers, others), expected)


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """60 answers and 60 own distractors of one style, 60 distractors of another."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(180, 8)).astype(np.float32)
    vectors[120:, 0] += 8
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [str(i) for i in range(180)]
    return Gallery(labels, labels, vectors, np.repeat([0, 1, 2], 60))


def _found(positions: np.ndarray, right: np.ndarray | None = None) -> Candidates:
    nothing = np.zeros(positions.shape, np.float32)
    relevant = np.zeros(positions.shape, bool) if right is None else right
    queries, rows = np.zeros((len(positions), 8), np.float32), np.arange(len(positions))
    return Candidates(queries, positions, nothing, relevant, rows)


def _estimates(probes: dict, resamples: int, seed: int) -> dict:
    records = [Probe.model_validate({"name": name} | probe) for name, probe in probes.items()]
    return dict(blind_estimates(records, resamples, seed, "record.json"))


def test_another_style_is_told_and_the_own_is_not(gallery) -> None:
    positions, asked = np.arange(180).reshape(18, 10), {str(i) for i in range(60)}
    probes = probe_candidates(gallery, _found(positions), asked, [0, 1], 0)
    assert {name: len(probe["scores"]) for name, probe in probes.items()} == {
        "all": 180,
        "own": 120,
        "distractors": 120,
    }
    assert all(sum(probe["answers"]) == 60 for probe in probes.values())
    found = _estimates(probes, 200, 0)
    assert found["blind_auc_distractors"].value > 0.99
    assert 0.3 < found["blind_auc_own"].value < 0.7
    low, high = np.quantile(found["blind_auc_own"].samples, [0.025, 0.975])
    assert low < found["blind_auc_own"].value < high and 0.05 < high - low < 0.4


def test_only_candidates_count_and_each_once(gallery) -> None:
    positions = np.array([[*range(10), *range(60, 70)], [*range(10), *range(60, 69), -1]])
    probes = probe_candidates(gallery, _found(positions), {str(i) for i in range(60)}, [0, 1], 0)
    assert set(probes) == {"all", "own"}, "of other datasets there is no candidate"
    assert len(probes["all"]["scores"]) == 20


def test_blocks_of_resamples_make_no_difference(gallery, monkeypatch) -> None:
    from crossmodal.experiments.search import blindness

    probes = probe_candidates(gallery, _found(np.arange(180)[None]), {str(i) for i in range(60)}, [0, 1], 0)
    whole = _estimates(probes, 50, 3)
    monkeypatch.setattr(blindness, "BLOCK", 1000)
    parts = _estimates(probes, 50, 3)
    assert whole.keys() == parts.keys()
    for metric, found in whole.items():
        np.testing.assert_allclose(parts[metric].samples, found.samples)


def test_where_every_image_is_asked_for_candidates_are_told_apart_in_their_lists(gallery) -> None:
    """Each image is the answer once, in a list of ten drawn at random: nothing says when it is right."""
    rng = np.random.default_rng(1)
    own = Gallery(gallery.ids[:120], gallery.labels[:120], gallery.vectors[:120], gallery.origins[:120])
    positions = np.stack([np.r_[i, rng.choice(np.delete(np.arange(120), i), 9, False)] for i in range(120)])
    right = positions == np.arange(120)[:, None]
    probes = probe_candidates(own, _found(positions, right), set(own.labels), [0, 1], 0)
    assert set(probes) == {"pairs"} and sum(probes["pairs"]["answers"]) == 120
    assert sum(probes["pairs"]["others"]) == 9 * 120
    estimate = _estimates(probes, 200, 0)["blind_auc_pairs"]
    assert abs(estimate.value - 0.5) < 0.1


def test_a_direction_of_the_vectors_that_answers_have_is_found(gallery) -> None:
    """Images with a large first coordinate are mostly answers, the others mostly distractors."""
    answers = np.where(gallery.vectors[:, 0] > 0.2, 5, 1)
    others = 6 - answers
    scores = pair_scores(gallery.vectors, answers, others, np.asarray(gallery.labels), 0)
    order = np.argsort(scores)
    assert area(scores[order], answers[order][None], others[order][None])[0] > 0.65
    assert pair_scores(gallery.vectors, answers, 0 * others, np.asarray(gallery.labels), 0) is None
