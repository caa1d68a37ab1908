"""ListMLE against a loop over the list, and the cases where it equals something known."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.nn.functional import cross_entropy

from crossmodal.reranking.list_mle import list_mle


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _everything(scores):
    return torch.ones(scores.shape, dtype=torch.bool)


@given(b=st.integers(1, 5), n=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_one_relevant_item_and_one_place_give_cross_entropy(b, n, seed):
    torch.manual_seed(seed)
    scores, target = torch.randn(b, n), torch.randint(n, (b,))
    relevance = torch.nn.functional.one_hot(target, n).float()
    loss = list_mle(scores, relevance, _everything(scores), 1, _generator(seed))
    torch.testing.assert_close(loss, cross_entropy(scores, target))


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_equal_scores_give_the_logarithm_of_the_number_of_orders(n):
    scores = torch.full((3, n), 0.7, dtype=torch.float64)
    relevance = torch.rand(3, n, generator=_generator())
    loss = list_mle(scores, relevance, _everything(scores), None, _generator())
    assert float(loss) == pytest.approx(math.lgamma(n + 1))


@given(
    n=st.integers(1, 7),
    absent=st.integers(0, 4),
    truncate=st.none() | st.integers(1, 8),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_equals_a_loop_and_padding_changes_nothing(n, absent, truncate, seed):
    torch.manual_seed(seed)
    scores = torch.randn(n + absent, dtype=torch.float64)
    present = torch.zeros(n + absent, dtype=torch.bool)
    present[torch.randperm(n + absent)[:n]] = True
    relevance = torch.randperm(n + absent).float()  # all different: the order is fixed
    ordered = [scores[i] for i in relevance.argsort(descending=True) if present[i]]
    expected = sum(
        float(torch.logsumexp(torch.stack(ordered[i:]), 0) - ordered[i]) for i in range(min(n, truncate or n))
    )
    loss = list_mle(scores[None], relevance[None], present[None], truncate, _generator(seed))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_ties_are_shuffled():
    scores = torch.tensor([[0.0, 2.0, 4.0]])
    losses = {
        round(float(list_mle(scores, torch.ones(1, 3), _everything(scores), None, _generator(s))), 4)
        for s in range(60)
    }
    assert len(losses) == 6


def test_gradients_are_finite_and_zero_for_padding():
    torch.manual_seed(0)
    scores = torch.randn(4, 6, requires_grad=True)
    present = torch.tensor([[True] * n + [False] * (6 - n) for n in (6, 4, 1, 3)])
    relevance = torch.zeros(4, 6)
    relevance[:, 0] = 1
    list_mle(scores, relevance, present, None, _generator()).backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[~present] == 0).all()
    assert (scores.grad[0] != 0).any()


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(1)
    scores = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    relevance = torch.tensor([[1.0, 0, 0, 1, 0]]).repeat(3, 1)
    present = torch.tensor([[True] * 5, [True] * 4 + [False], [True] * 5])
    assert torch.autograd.gradcheck(lambda s: list_mle(s, relevance, present, 3, _generator()), scores)
