"""CLIP-Adapter (Gao et al. 2021): logits = s norm(r g(f) + (1 − r) f) Wᵀ with g(f) = ReLU(U ReLU(V f)).

V is [d/4, d] and U [d, d/4], without biases as in the paper's public code and drawn as nn.Linear draws them. The
ratio r is given; the epoch is chosen, with the network as drawn among the candidates. There is no network behind
the text tower, which the paper tries too.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.adaptation.initialisation import linear
from crossmodal.classifiers.base import Fitted, Task, deciding, embed, without_gradient, zero_shot_logits
from crossmodal.classifiers.clip_adapter_params import Params
from crossmodal.classifiers.training import Batch, draw_batches, train


def fit(task: Task, params: Params, generator: Generator) -> Fitted:
    """Return the classifier; UserError where choices are to be made on test images that are not there."""
    features, labels = deciding(task.splits, params, params.kind)
    batches = draw_batches(task.splits.train, params.epochs, params.batch_size, generator)
    width = task.texts.shape[1]
    hidden = max(1, width // params.reduction)
    down = linear(width, hidden, generator, task.texts).weight
    up = linear(hidden, width, generator, task.texts).weight
    images, queries = embed(task, task.splits.train.features), embed(task, features)

    def logits(f: Tensor) -> Tensor:
        adapted = (f @ down.T).relu() @ up.T
        mixed = params.ratio * adapted.relu() + (1 - params.ratio) * f
        return zero_shot_logits(task, functional.normalize(mixed, dim=-1))

    def loss(batch: Batch) -> Tensor:
        found = logits(images[batch.rows, batch.views])
        return functional.cross_entropy(found, task.splits.train.labels[batch.rows])

    optimiser = torch.optim.AdamW([down, up], lr=params.learning_rate, weight_decay=params.weight_decay)
    trained = train(optimiser, batches, loss, (lambda: logits(queries), labels))
    return Fitted(
        without_gradient(lambda features: logits(embed(task, features))),
        parameters=down.numel() + up.numel(),
        stored=down.numel() + up.numel(),
        chosen={"epoch": trained.epoch},
        losses=trained.losses,
    )
