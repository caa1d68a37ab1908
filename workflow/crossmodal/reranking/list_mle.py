"""ListMLE (Xia et al. 2008): the likelihood of the right order under the Plackett-Luce model."""

import torch
from torch import Generator, Tensor

ABSENT = -1e9  # score of padding: finite, so that its gradient is zero and not undefined


def list_mle(
    scores: Tensor, relevance: Tensor, present: Tensor, truncate: int | None, generator: Generator
) -> Tensor:
    """Return the mean negative log-likelihood, in nats, of the lists sorted by `relevance`.

    `scores`, `relevance` float [b, n], `present` bool [b, n] (False for padding). For scores s in the order of
    falling relevance, L = sum_i [logsumexp(s_i .. s_n) - s_i] over the first `truncate` places (all for None).
    Equally relevant items are shuffled with `generator`, since their order says nothing. With one relevant
    item and truncate=1 this is softmax cross-entropy.
    """
    shuffle = torch.rand(scores.shape, generator=generator).argsort(dim=1)
    keys = relevance.masked_fill(~present, -torch.inf).gather(1, shuffle)
    order = shuffle.gather(1, keys.argsort(dim=1, descending=True, stable=True))
    there = present.gather(1, order)
    ordered = scores.gather(1, order).masked_fill(~there, ABSENT)
    tails = ordered.flip(1).logcumsumexp(dim=1).flip(1)
    terms = (tails - ordered).masked_fill(~there, 0)
    return terms[:, :truncate].sum(dim=1).mean()
