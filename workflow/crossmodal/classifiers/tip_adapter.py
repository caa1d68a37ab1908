"""Tip-Adapter (Zhang et al. 2022): logits = s f Wᵀ + α (s/100) exp(−β (1 − f Kᵀ)) L, nothing of which is trained.

K are the keys of the training images and L their classes, one-hot (`cache`); α and β are chosen. Stored are K's
numbers.
"""

from functools import partial

from torch import Generator, Tensor

from crossmodal.classifiers import cache
from crossmodal.classifiers.base import Fitted, Task, deciding, embed, without_gradient, zero_shot_logits
from crossmodal.classifiers.tip_adapter_params import Params


def fit(task: Task, params: Params, _generator: Generator) -> Fitted:
    """Return the classifier; UserError where choices are to be made on test images that are not there."""
    features, labels = deciding(task.splits, params, params.kind)
    keys, owners = cache.image_keys(task, params.size)
    votes = partial(_votes, keys=keys, values=cache.one_hot(owners, len(task.texts)))
    queries = embed(task, features)
    chosen = cache.search(
        task,
        cache.points(params),
        zero_shot_logits(task, queries),
        lambda beta, _gamma: votes(queries, beta=beta),
        labels,
    )

    def logits(features: Tensor) -> Tensor:
        f = embed(task, features)
        return zero_shot_logits(task, f) + cache.weight(task, chosen.alpha) * votes(f, beta=chosen.beta)

    return Fitted(
        without_gradient(logits),
        parameters=0,
        stored=keys.numel(),
        chosen={"alpha": chosen.alpha, "beta": chosen.beta},
    )


def _votes(queries: Tensor, beta: float, keys: Tensor, values: Tensor) -> Tensor:
    return cache.affinity(queries, keys, beta) @ values
