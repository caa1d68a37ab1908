"""What the re-ranker is told of each candidate, all of it on one scale.

No feature is the candidate's vector alone: what does not depend on the query could only tell styles apart. None
depends on the order or the scores of the first stage either, so a re-ranker may follow any index.
"""

import torch
from torch import Tensor

GROUPS = ("content", "score", "rank", "pillars", "nearness")
CLIP = 5.0  # standard deviations: what lies further out is another gallery's, and not to be trusted further
SMALLEST = 0.1  # of the mean deviation of its group: a feature that hardly varies in training is not blown up


def sizes(dimension: int, pillars: int, nearness: bool) -> dict[str, int]:
    """Return how many features each group has, by its name, in their order."""
    found = {"content": dimension, "score": 2, "rank": 1, "pillars": pillars + 1}
    return found | {"nearness": 2} if nearness else found


def features(queries: Tensor, items: Tensor, exact: Tensor, pillars: int) -> Tensor:
    """Return the features of each candidate, float32 [b, c, sum of sizes]; anything finite where there is none.

    `queries` [b, d], `items` [b, c, d or d + 1], the last being their nearness to any caption (nearness.py),
    `exact` [b, c] their inner products, -inf for an absent candidate.
    `content` is the elementwise product q*x; `score` the gap to the list's best and the distance from its mean in
    deviations; `rank` the logarithm of the place by exact score; `pillars` the similarities to the candidates of
    the best exact scores, which show whether it belongs to those (Qu et al. 2023, arXiv 2304.12570), 0 for
    missing ones, and to the mean candidate; `nearness` how much nearer it is than the list's mean.
    """
    present = exact > -torch.inf
    items, nearness = items[:, :, : queries.shape[1]], items[:, :, queries.shape[1] :]
    scores = exact.masked_fill(~present, 0)
    best = exact.amax(dim=1, keepdim=True).clamp_min(-1)  # a list may be empty
    gap = (scores - best).masked_fill(~present, 0)
    better = (exact[:, None, :] > exact[:, :, None]).sum(dim=2)
    numbers = torch.stack([gap, _standard(scores, present)[1], torch.log2(1.0 + better)], dim=2)
    parts = [queries[:, None, :] * items, numbers, _similarities(items, exact, present, pillars)]
    if nearness.shape[2]:
        parts.append(torch.stack(_standard(nearness[:, :, 0], present), dim=2))
    return torch.cat(parts, dim=2)


def _standard(values: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Return `values` [b, c] less their list's mean, and the same in deviations of the list; 0 where absent."""
    count = present.sum(dim=1, keepdim=True).clamp_min(1)
    mean = values.masked_fill(~present, 0).sum(dim=1, keepdim=True) / count
    centred = (values - mean).masked_fill(~present, 0)
    deviation = (centred.square().sum(dim=1, keepdim=True) / count).sqrt()
    return centred, centred / (deviation + 1e-6)


def _similarities(items: Tensor, exact: Tensor, present: Tensor, pillars: int) -> Tensor:
    """Return the similarities to the pillars and to the mean candidate, [b, c, pillars + 1]."""
    kept = min(pillars, exact.shape[1])
    best = exact.topk(kept, dim=1)
    chosen = items.gather(1, best.indices[:, :, None].expand(-1, -1, items.shape[2]))
    chosen = chosen * (best.values > -torch.inf)[:, :, None]
    weights = present / present.sum(dim=1, keepdim=True).clamp_min(1)
    centre = torch.bmm(weights[:, None, :], items)
    missing = items.new_zeros(len(items), pillars - kept, items.shape[2])
    return torch.bmm(items, torch.cat([chosen, missing, centre], dim=1).transpose(1, 2))


def spread(values: Tensor, groups: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Return the mean and the deviation of each feature, [f] each, over the rows of `values` [n, f].

    Deviations are at least a tenth of the mean one of the group, so that a constant feature is no noise.
    """
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    parts = [part.clamp_min(max(SMALLEST * float(part.mean()), 1e-6)) for part in
             deviation.split(list(groups.values()))]  # fmt: skip
    return mean, torch.cat(parts)
