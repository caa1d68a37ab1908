"""The re-ranker's network: inputs of one scale, no order among candidates, padding unseen, exact at first."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from pydantic import ValidationError

from crossmodal.errors import UserError
from crossmodal.reranking.features import GROUPS, features, sizes
from crossmodal.reranking.nearness import Extended, extend, extend_lists, extended, sample
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.order import inner_products, reorder
from crossmodal.reranking.scoring import score, tensors_of
from crossmodal.reranking.vectors_params import Params


def _with_an_opinion(params, d=12, seed=0):
    """Return a network whose last projection is not zero."""
    torch.manual_seed(seed)
    model = Reranker(d, params).eval()
    torch.nn.init.normal_(model.head.weight)
    return model


def _arguments(lists, c=8):
    return tensors_of(lists.vectors, lists.found, slice(None), c)


@given(gaps=st.integers(0, 4), c=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_untrained_it_is_exact_re_scoring_to_the_bit(random_lists, small, gaps, c, seed):
    lists = random_lists(gaps=gaps, seed=seed)
    scores = score(Reranker(12, small()).eval(), lists.vectors, lists.found, c)
    expected = inner_products(lists.vectors, lists.found, c)
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(reorder(lists.found, scores, c), reorder(lists.found, expected, c))


@given(gaps=st.integers(0, 4), layers=st.integers(1, 2), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_whatever_order_candidates_come_in_each_gets_the_same(random_lists, small, gaps, layers, seed):
    model = _with_an_opinion(small(layers=layers))
    queries, items, exact = _arguments(random_lists(gaps=gaps, seed=seed))
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    expected = model(queries, items, exact)[:, order]
    torch.testing.assert_close(
        model(queries, items[:, order], exact[:, order]), expected, atol=1e-5, rtol=1e-4
    )
    assert expected.std() > 1e-3


def test_padding_changes_nothing(random_lists, small):
    """Absent candidates, whatever vector stands in their place, and however many of them there are."""
    model = _with_an_opinion(small())
    lists = random_lists(gaps=0)
    queries, items, exact = _arguments(lists)
    alone = model(queries, items[:, :5], exact[:, :5])
    exact[:, 5:] = -torch.inf
    for filling in (items, torch.full_like(items, 9.0)):
        padded = model(queries, torch.cat([items[:, :5], filling[:, 5:]], dim=1), exact)
        torch.testing.assert_close(padded[:, :5], alone, atol=1e-5, rtol=1e-4)
        assert (padded[:, 5:] == 0).all()


def test_a_list_may_be_empty(random_lists, small):
    lists = random_lists(q=3)
    lists.found.positions[1] = -1
    scores = score(_with_an_opinion(small()), lists.vectors, lists.found, 8)
    assert (scores[1] == -np.inf).all() and np.isfinite(scores[[0, 2]]).all()


def test_candidates_are_scored_in_the_company_of_the_others(random_lists, small):
    model = _with_an_opinion(small())
    queries, items, exact = _arguments(random_lists())
    before = model(queries, items, exact)
    items[:, 7] = items[:, 0]
    assert not torch.allclose(model(queries, items, exact)[:, :7], before[:, :7], atol=1e-3)


def test_one_query_alone_is_scored_as_in_a_batch(random_lists, small, take):
    model, lists = _with_an_opinion(small()), random_lists(q=70, gaps=2)
    together = score(model, lists.vectors, lists.found, 8)
    alone = [score(model, lists.vectors, take(lists.found, slice(i, i + 1)), 8) for i in range(70)]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-5)


@pytest.mark.parametrize("d, common, spread_of_queries", [(64, 0.0, 1.0), (256, 3.0, 1.0), (64, 10.0, 0.05)])
def test_no_group_of_features_drowns_another(unit, candidates, d, common, spread_of_queries):
    """Shares in the variance of a token lie within one order, however narrow the cone of the vectors is."""
    vectors, queries = unit(400, d), unit(50, d, 1)
    vectors = vectors + common * unit(1, d, 2)
    queries = spread_of_queries * queries + common * unit(1, d, 3) + 0.3 * vectors[:50]
    vectors, queries = (
        (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for v in (vectors, queries)
    )
    found = candidates(queries, np.argsort(-(queries @ vectors.T), axis=1)[:, :40])
    arguments = tensors_of(extend(vectors, unit(90, d, 4)), found, slice(None), 40)
    torch.manual_seed(0)
    model = Reranker(d, Params())
    model.fit_scale(*arguments)
    shares = model.shares(*arguments)
    assert set(shares) == set(GROUPS) and sum(shares.values()) == pytest.approx(1)
    assert max(shares.values()) < 10 * min(shares.values()), shares


def test_features_equal_a_loop(random_lists):
    lists = random_lists(q=5, gaps=3)
    queries, items, exact = _arguments(lists)
    values = features(queries, items, exact, 4).split(list(sizes(12, 4, False).values()), dim=2)
    content, scores, ranks, pillars = (value.numpy() for value in values)
    for q, positions in enumerate(lists.found.positions):
        there = [place for place in range(8) if positions[place] >= 0]
        inner = {place: float(lists.found.queries[q] @ lists.vectors[positions[place]]) for place in there}
        best = sorted(there, key=lambda place: -inner[place])
        mean, deviation = np.mean(list(inner.values())), np.std(list(inner.values()))
        centre = lists.vectors[positions[there]].mean(axis=0)
        for place in there:
            vector = lists.vectors[positions[place]]
            np.testing.assert_allclose(content[q, place], lists.found.queries[q] * vector, atol=1e-6)
            expected = [inner[place] - inner[best[0]], (inner[place] - mean) / deviation]
            np.testing.assert_allclose(scores[q, place], expected, atol=1e-4)
            assert ranks[q, place, 0] == pytest.approx(np.log2(1 + best.index(place)))
            similar = [lists.vectors[positions[pillar]] @ vector for pillar in best[:4]]
            np.testing.assert_allclose(pillars[q, place], [*similar, centre @ vector], atol=1e-5)


def test_vectors_of_another_width_are_a_user_error(random_lists, small):
    lists = random_lists(d=12)
    with pytest.raises(UserError, match="made for vectors of width 16, asked with width 12"):
        score(Reranker(16, small()).eval(), lists.vectors, lists.found, 8)


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="multiple of heads"):
        Params(width=100, heads=3)


def test_nearness_is_the_mean_similarity_to_the_nearest_captions(random_lists, unit, candidates):
    vectors, bank = unit(30, 12), unit(100, 12, 1)
    wide = extend(vectors, bank)
    np.testing.assert_array_equal(wide[:, :12], vectors)
    np.testing.assert_allclose(wide[:, 12], [np.sort(bank @ v)[-2:].mean() for v in vectors], atol=1e-6)
    found = candidates(bank[:5], np.arange(20).reshape(5, 4))
    np.testing.assert_array_equal(inner_products(wide, found, 4), inner_products(vectors, found, 4))


def test_an_images_own_captions_say_nothing_of_its_nearness(random_lists):
    """The lists of training know answers to their queries; what is searched later has none in the bank."""
    lists = random_lists(q=40, n=20, k=20)
    lists.owners[1] = lists.owners[0]  # two captions of one image, one of which finds it
    near = extend_lists(lists, 100).vectors[:, 12]
    for position, vector in enumerate(lists.vectors):
        finding = {
            lists.owners[row] for row in range(40)
            if (lists.found.relevant[row] & (lists.found.positions[row] == position)).any()
        }  # fmt: skip
        others = [lists.found.queries[row] for row in range(40) if lists.owners[row] not in finding]
        assert near[position] == pytest.approx(max(float(q @ vector) for q in others), abs=1e-6)
    assert extend_lists(lists, 0) is lists


def test_a_store_is_extended_when_it_is_read(unit):
    class Store:
        def rows(self, positions):
            return vectors[positions]

    vectors, bank = unit(30, 12), unit(700, 12, 1)
    positions = np.array([[3, 1, 4], [1, 5, 9]])
    read = extended(Store(), bank, 512)
    assert isinstance(read, Extended)
    np.testing.assert_allclose(read.rows(positions), extended(vectors, bank, 512)[positions], atol=1e-6)
    with pytest.raises(UserError, match="give training captions"):
        extended(vectors, bank[:0], 512)


def test_a_sample_is_spread_evenly():
    assert sample(np.arange(9), 3).tolist() == [0, 4, 8]
    assert sample(np.arange(2), 3).tolist() == [0, 1]
