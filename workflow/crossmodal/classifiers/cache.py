"""The cache of Tip-Adapter (Zhang et al. 2022): keys of training images, votes for their classes, alpha and beta.

The key of an image is the projection of the mean of its views' features, scaled to unit length: views are averaged
*before* normalisation, as the paper's public code does, so that a view counts by the length of its features too.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from crossmodal.classifiers.base import Task, embed
from crossmodal.classifiers.choosing import best
from crossmodal.classifiers.settings import CacheParameters, TrainedCacheParameters

PAPERS_SCALE = 100
"""s of the paper's CLIP, in whose unit alpha is counted."""

EPSILON = 1e-4
"""AdamW's ε in the paper's public code; with its usual 1e-8 the keys of images that hardly matter move as far."""


class Point(NamedTuple):
    """What is chosen of a cache."""

    beta: float
    gamma: float
    """Share of the image cache where there are two; 1 where there is one."""
    alpha: float


def image_keys(task: Task, size: int | None) -> tuple[Tensor, Tensor]:
    """Return the keys, float32 [m, d] of unit length, and their labels, int64 [m].

    With `size` less than a class's images, these form as many groups in their order, each with one key. Keys
    stand in the order of the images, or of classes where any class was grouped.
    """
    train = task.splits.train
    keys, labels = embed(task, train.features.mean(dim=1)), train.labels
    if size is None or size >= int(labels.bincount().max()):
        return keys, labels
    of_classes = [(labels == label).nonzero().flatten() for label in labels.unique()]
    groups = [group for rows in of_classes for group in rows.tensor_split(min(size, len(rows)))]
    means = torch.stack([keys[group].mean(dim=0) for group in groups])
    return functional.normalize(means, dim=-1), torch.stack([labels[group[0]] for group in groups])


def affinity(queries: Tensor, keys: Tensor, beta: float) -> Tensor:
    """Return A = exp(−β (1 − q Kᵀ)), [n, m], of unit `queries` [n, d] and `keys` [m, d]."""
    return torch.exp(-beta * (1 - queries @ keys.T))


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Return L, float32 [m, classes]: what a key votes for."""
    return functional.one_hot(labels, classes).float()


def weight(task: Task, alpha: float) -> float:
    """Return what votes are multiplied by: alpha in the paper's unit, where s is 100, in that of the task's s."""
    return alpha * task.scale / PAPERS_SCALE


def points(params: CacheParameters, gammas: Sequence[float] = (1.0,), *, votes: bool = False) -> list[Point]:
    """Return what may be chosen, by beta, then gamma, then alpha.

    With `votes` alpha is above 0 as far as the parameters allow: at 0 keys have no gradient to be trained with.
    """
    alphas = [alpha for alpha in params.alphas if alpha > 0 or not votes] or params.alphas
    return [Point(beta, gamma, alpha) for beta in params.betas for gamma in gammas for alpha in alphas]


def given(params: TrainedCacheParameters, gamma: float = 1.0) -> Point | None:
    """Return where the parameters have a cache trained; None where the best point of the untrained one is."""
    at = params.trained_at
    return Point(at.beta, gamma, at.alpha) if at else None


@torch.no_grad()
def search(
    task: Task,
    candidates: list[Point],
    zero_shot: Tensor,
    votes: Callable[[float, float], Tensor],
    labels: Tensor,
) -> Point:
    """Return the best of `candidates` for `labels` [n].

    `zero_shot` are the logits [n, classes] without a cache; `votes` gives A L, [n, classes], of a beta and a
    gamma.
    """
    seen: dict[tuple[float, float], Tensor] = {}

    def logits(point: Point) -> Tensor:
        if (own := (point.beta, point.gamma)) not in seen:
            seen[own] = votes(*own)
        return zero_shot + weight(task, point.alpha) * seen[own]

    return best(candidates, logits, labels)
