"""NNN, QB-Norm and CSLS against loops, in the cases where they equal one another, and where they help."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.errors import UserError
from crossmodal.reranking import banks, csls, exact, nnn, qb_norm
from crossmodal.reranking.banks import largest_means, nearest_images, soft_maxima
from crossmodal.reranking.csls_params import Params as Csls
from crossmodal.reranking.exact_params import Params as Exact
from crossmodal.reranking.nnn_params import Params as Nnn
from crossmodal.reranking.order import reorder
from crossmodal.reranking.qb_norm_params import Params as QbNorm
from crossmodal.reranking.quality import quality


def _scores(kind, params, material, lists):
    return kind.prepare(params, material)(lists.found)


@given(
    n=st.integers(1, 12), b=st.integers(1, 9), block=st.sampled_from([1, 17, 2**20]), seed=st.integers(0, 99)
)
@settings(max_examples=40)
def test_banks_equal_loops(unit, n, b, block, seed):
    vectors, bank = unit(n, 5, seed), unit(b, 5, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(banks, "SIMILARITIES", block)
        means = largest_means(vectors, bank, (3, 1, 50))
        maxima = soft_maxima(vectors, bank, (0.1, 1e-4, 1e4))
        nearest = nearest_images(vectors, bank)
    for row, vector in enumerate(vectors):
        similar = sorted((float(vector @ caption) for caption in bank), reverse=True)
        expected = [np.mean(similar[:3]), similar[0], np.mean(similar)]
        np.testing.assert_allclose(means[row], expected, atol=1e-6)
        soft = 0.1 * np.log(np.mean(np.exp(np.array(similar) / 0.1)))
        np.testing.assert_allclose(maxima[row], [soft, similar[0], np.mean(similar)], atol=1e-3)
    assert nearest.tolist() == [int(np.argmax(vectors @ caption)) for caption in bank]


@pytest.mark.parametrize("gaps", [0, 3])
@pytest.mark.parametrize(
    "kind, params",
    [
        (nnn, Nnn(kind="nnn", k=4, weight=0.0)),
        (qb_norm, QbNorm(kind="qb_norm", temperature=0.05, weight=0.0)),
        (qb_norm, QbNorm(kind="qb_norm", temperature=0.05, weight=0.0, dynamic=False)),
    ],
)
def test_weight_zero_is_exact_re_scoring(kind, params, gaps, random_lists, material, unit):
    lists = random_lists(gaps=gaps)
    made = material(lists, unit(20, 12, 7))
    expected = _scores(exact, Exact(kind="exact"), made, lists)
    np.testing.assert_array_equal(_scores(kind, params, made, lists), expected)


def test_nnn_equals_a_loop(random_lists, material, unit):
    lists, bank = random_lists(gaps=2), unit(20, 12, 7)
    scores = _scores(nnn, Nnn(kind="nnn", k=5, weight=0.75), material(lists, bank), lists)
    for row, (query, positions) in enumerate(zip(lists.found.queries, lists.found.positions, strict=True)):
        for place, position in enumerate(positions):
            vector = lists.vectors[position]
            near = np.mean(sorted(bank @ vector)[-5:])
            expected = query @ vector - 0.75 * near if position >= 0 else -np.inf
            assert scores[row, place] == pytest.approx(expected, abs=1e-6)


def test_qb_norm_is_the_inverted_softmax_of_queries_whose_best_image_is_active(random_lists, material, unit):
    lists, bank, temperature = random_lists(q=60), unit(9, 12, 7), 0.1
    made = material(lists, bank)
    scores = _scores(qb_norm, QbNorm(kind="qb_norm", temperature=temperature), made, lists)
    active = {int(np.argmax(lists.vectors @ caption)) for caption in bank}
    corrected = 0
    for row, (query, positions) in enumerate(zip(lists.found.queries, lists.found.positions, strict=True)):
        raw = lists.vectors[positions] @ query
        divisor = np.exp(lists.vectors[positions] @ bank.T / temperature).sum(axis=1)
        inverted = np.exp(raw / temperature) / divisor
        is_active = int(positions[raw.argmax()]) in active
        corrected += is_active
        expected = positions[np.argsort(-(inverted if is_active else raw))]
        np.testing.assert_array_equal(reorder(lists.found, scores, 8)[row], expected)
    assert 0 < corrected < 60


def test_qb_norm_at_a_temperature_near_zero_is_nnn_with_one_neighbour(random_lists, material, unit):
    lists = random_lists(gaps=2)
    made = material(lists, unit(20, 12, 7))
    cold = QbNorm(kind="qb_norm", temperature=1e-5, weight=0.5, dynamic=False)
    np.testing.assert_allclose(
        _scores(qb_norm, cold, made, lists),
        _scores(nnn, Nnn(kind="nnn", k=1, weight=0.5), made, lists),
        atol=1e-3,
    )


def test_csls_is_twice_nnn_of_weight_one_half_over_the_queries(random_lists, material, unit):
    lists = random_lists(gaps=2)
    queries = lists.found.queries
    over_queries = _scores(csls, Csls(kind="csls", k=5), material(lists, unit(3, 12), queries=queries), lists)
    half = _scores(nnn, Nnn(kind="nnn", k=5, weight=0.5), material(lists, queries), lists)
    np.testing.assert_allclose(over_queries, 2 * half, atol=1e-6)


def test_they_take_hubs_out_of_the_first_places(hubs, material):
    lists, validation, bank = hubs(0), hubs(10), hubs(20).found.queries
    made = material(lists, bank, validation, lists.found.queries)
    plain = quality(lists.found, _scores(exact, Exact(kind="exact"), made, lists))
    for kind, params in (
        (nnn, Nnn(kind="nnn")),
        (qb_norm, QbNorm(kind="qb_norm", weight=None)),
        (csls, Csls(kind="csls")),
    ):
        assert quality(lists.found, _scores(kind, params, made, lists)).mrr > plain.mrr + 0.02, params.kind


def test_what_is_open_is_chosen_on_validation_lists_alone(hubs, material, random_lists, unit):
    """Whatever is asked, the choice is the same; where nothing helps on validation, it is weight 0."""
    validation, bank = hubs(10), hubs(20).found.queries
    asked = (hubs(0), hubs(1))
    for kind, params in (
        (nnn, Nnn(kind="nnn")),
        (qb_norm, QbNorm(kind="qb_norm", weight=None)),
        (csls, Csls(kind="csls")),
    ):
        chosen = [
            kind.choose(params, material(lists, bank, validation, lists.found.queries)) for lists in asked
        ]
        assert chosen[0] == chosen[1]
        assert None not in chosen[0].model_dump().values()
    perfect = random_lists(k=20)
    exact_scores = _scores(exact, Exact(kind="exact"), material(perfect, bank), perfect)
    perfect.found.relevant[:] = exact_scores == exact_scores.max(axis=1, keepdims=True)
    chosen = nnn.choose(Nnn(kind="nnn"), material(perfect, unit(30, 12, 3), perfect))
    assert chosen.weight == 0


@pytest.mark.parametrize(
    "kind, params, message",
    [
        (nnn, Nnn(kind="nnn", k=3), "stage nnn: what it leaves open is chosen on validation lists"),
        (qb_norm, QbNorm(kind="qb_norm"), "stage qb_norm: what it leaves open"),
        (csls, Csls(kind="csls", k=3), "stage csls: is transductive and needs all queries"),
    ],
)
def test_what_is_missing_is_named(kind, params, message, random_lists, material, unit):
    with pytest.raises(UserError, match=message):
        kind.prepare(params, material(random_lists(), unit(3, 12)))


def test_an_empty_bank_is_named(random_lists, material, unit):
    with pytest.raises(UserError, match="bank of training captions is empty"):
        nnn.prepare(Nnn(kind="nnn", k=3, weight=1.0), material(random_lists(), unit(0, 12)))
