"""CoOp (Zhou et al. 2022) as a classifier: logits = s f T(v)ᵀ, T the text tower that reads learnt vectors v.

n vectors, the same for all classes, stand before the names (the paper's unified context, names at the end) and are
all that is trained. Images are cached features, one random view a step. The paper trains by SGD for 200 epochs
with 8 images of a class or more, half as long with 2 or 4, a quarter with one; here these are AdamW steps, since
each takes all names through the text tower and back. The best step is chosen, the start among the candidates.
"""

from itertools import islice
from math import ceil

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.classifiers.base import Fitted, Task, deciding, embed, without_gradient
from crossmodal.classifiers.coop_params import Params
from crossmodal.classifiers.training import Batch, draw_batches, train
from crossmodal.errors import UserError

NEEDS_PROMPTS = True
"""It asks the text tower."""


def fit(task: Task, params: Params, generator: Generator) -> Fitted:
    """Return the classifier.

    Raises UserError where the task has no text tower, the tower takes no such prompt, or choices are to be made on
    test images that are not there.
    """
    if task.encode is None:
        raise UserError("coop: needs the text tower, which this task does not hand over")
    encode = task.encode
    features, labels = deciding(task.splits, params, params.kind)
    batches = _draw_steps(task, params, generator)
    vectors = nn.Parameter(encode.start(params, generator))
    images, queries = embed(task, task.splits.train.features), embed(task, features)

    def logits(f: Tensor) -> Tensor:
        return task.scale * f @ encode(vectors).T

    def loss(batch: Batch) -> Tensor:
        found = logits(images[batch.rows, batch.views])
        return functional.cross_entropy(found, task.splits.train.labels[batch.rows])

    optimiser = torch.optim.AdamW([vectors], lr=params.learning_rate, weight_decay=params.weight_decay)
    trained = train(optimiser, batches, loss, (lambda: logits(queries), labels))
    with torch.no_grad():
        texts = encode(vectors)
    return Fitted(
        without_gradient(lambda features: task.scale * embed(task, features) @ texts.T),
        parameters=vectors.numel(),
        stored=vectors.numel(),
        chosen={"step": min(trained.epoch * params.every, steps_of(params, task.shots))},
        losses=trained.losses,
    )


def steps_of(params: Params, shots: int) -> int:
    """Return how many steps are taken with so many images of each class."""
    return ceil(params.steps / (1 if shots >= 8 else 2 if shots > 1 else 4))


def _draw_steps(task: Task, params: Params, generator: Generator) -> list[list[Batch]]:
    """Return the batches of all steps, in parts between two looks at the images that decide."""
    train_split = task.splits.train
    n = len(train_split.labels)
    count = steps_of(params, task.shots)
    epochs = ceil(count / ceil(n / (params.batch_size or n)))
    drawn = draw_batches(train_split, epochs, params.batch_size, generator)
    steps = islice((batch for epoch in drawn for batch in epoch), count)
    return list(iter(lambda: list(islice(steps, params.every)), []))
