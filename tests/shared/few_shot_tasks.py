"""Small few-shot tasks: Gaussian classes in feature space, whose texts point roughly where their images lie."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from crossmodal import registry
from crossmodal.classifiers.base import Fitted, Split, Splits, Task

POISON = float("nan")


def make_task(
    classes: int = 5, shots: int = 4, views: int = 3, width: int = 24, size: int = 16, *, bias: bool = True,
    scale: float = 30.0, noise: float = 1.5, seed: int = 0,
) -> Task:  # fmt: skip
    """Return a task; its validation has 8 images a class, its test split is hidden (see `with_test`)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    means, projection = normal(classes, width), normal(size, width) / width**0.5

    def split(n: int, views: int) -> Split:
        labels = torch.arange(classes).repeat_interleave(n)
        labels = labels[torch.randperm(len(labels), generator=generator)]
        own = means[labels] + noise * normal(len(labels), width)
        return Split(own[:, None] + 0.3 * noise * normal(len(labels), views, width), labels)

    def pixels(n: int) -> Split:
        labels = torch.arange(classes).repeat_interleave(n)
        return Split(normal(len(labels), 1, 12) + labels[:, None, None] % 3, labels)

    texts = functional.normalize(means @ projection.T + 1.2 * normal(classes, size), dim=-1)
    return Task(
        splits=Splits(split(shots, views), split(8, 1)),
        texts=texts,
        projection=projection,
        bias=0.1 * normal(size) if bias else None,
        scale=scale,
        shots=shots,
        classes=[f"class-{i}" for i in range(classes)],
        pixels=Splits(pixels(shots), pixels(8)),
    )


def with_test(task: Task, test: Split) -> Task:
    """Return `task` with test images, as features and as pixels."""
    pixels = (
        replace(task.pixels, test=replace(test, features=test.features[:, :, :12])) if task.pixels else None
    )
    return replace(task, splits=replace(task.splits, test=test), pixels=pixels)


def fit(task: Task, kind: str, seed: int = 3, **values: Any) -> Fitted:
    """Return the classifier of `kind` with parameters `values`."""
    params = registry.parse("classifiers", {"kind": kind, **values})
    found: Fitted = registry.load("classifiers", kind).fit(task, params, torch.Generator().manual_seed(seed))
    return found


def queries(task: Task) -> Tensor:
    """Return features [n, w] to classify."""
    return task.splits.validation.features[:, 0]
