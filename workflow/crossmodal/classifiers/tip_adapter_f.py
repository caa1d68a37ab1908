"""Tip-Adapter-F (Zhang et al. 2022): Tip-Adapter whose keys K, m · d numbers, are trained by cross-entropy.

As in the paper's public code the optimiser is AdamW with ε 1e-4 and K is not scaled to unit length again.
Unlike there the epoch is chosen on validation, the untrained cache being among the candidates. Training is at
given α and β, as there, or at those that validation chooses for that cache; what it answers at is chosen after it.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.classifiers import cache
from crossmodal.classifiers.base import Fitted, Task, deciding, embed, without_gradient, zero_shot_logits
from crossmodal.classifiers.tip_adapter_f_params import Params
from crossmodal.classifiers.training import Batch, draw_batches, train


def fit(task: Task, params: Params, generator: Generator) -> Fitted:
    """Return the classifier; UserError where choices are to be made on test images that are not there."""
    features, labels = deciding(task.splits, params, params.kind)
    start, owners = cache.image_keys(task, params.size)
    keys, values = nn.Parameter(start), cache.one_hot(owners, len(task.texts))
    batches = draw_batches(task.splits.train, params.epochs, params.batch_size, generator)
    images, queries = embed(task, task.splits.train.features), embed(task, features)
    zero_shot = zero_shot_logits(task, queries)

    def votes(f: Tensor, beta: float) -> Tensor:
        return cache.affinity(f, keys, beta) @ values

    def choose(points: list[cache.Point]) -> cache.Point:
        return cache.search(task, points, zero_shot, lambda beta, _gamma: votes(queries, beta), labels)

    chosen = cache.given(params) or choose(cache.points(params, votes=True))

    def logits(f: Tensor) -> Tensor:
        return zero_shot_logits(task, f) + cache.weight(task, chosen.alpha) * votes(f, chosen.beta)

    def loss(batch: Batch) -> Tensor:
        found = logits(images[batch.rows, batch.views])
        return functional.cross_entropy(found, task.splits.train.labels[batch.rows], reduction="none").mean()

    optimiser = torch.optim.AdamW(
        [keys], lr=params.learning_rate, eps=cache.EPSILON, weight_decay=params.weight_decay
    )
    trained = train(optimiser, batches, loss, (lambda: logits(queries), labels))
    chosen = choose(cache.points(params))
    return Fitted(
        without_gradient(lambda features: logits(embed(task, features))),
        parameters=keys.numel(),
        stored=keys.numel(),
        chosen={"alpha": chosen.alpha, "beta": chosen.beta, "epoch": trained.epoch},
        losses=trained.losses,
    )
