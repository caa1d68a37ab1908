"""A set and a draw as a classifier's task, and every method fitted to it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossmodal import registry
from crossmodal.classifiers.base import Fitted, PromptEncoder, Split, Splits, Task
from crossmodal.data.shots import draw_shots
from crossmodal.experiments.few_shot.features import Features, Head
from crossmodal.experiments.few_shot.names import AGAIN
from crossmodal.progress import progress
from crossmodal.seeds import seed_of


class Images(NamedTuple):
    """The features of a dataset, by split."""

    train: Features
    validation: Features
    test: Features


def drawn(images: Images, shots: int, draw: int, validation_shots: int) -> Images:
    """Return `shots` images of each class to learn from, as many to choose by, and all test images.

    Of those to choose by there are at most `validation_shots` of each class.
    """
    return Images(
        _drawn(images.train, shots, draw),
        _drawn(images.validation, min(shots, validation_shots), draw),
        images.test,
    )


def task_of(images: Images, head: Head, shots: int, encode: PromptEncoder | None) -> Task:
    """Return the task that the drawn `images` are, `shots` of each class."""
    return Task(
        splits=_splits(images, head),
        texts=head.texts,
        projection=head.weight,
        bias=head.bias,
        scale=head.scale,
        shots=shots,
        classes=head.classes,
        encode=encode,
        pixels=_splits(Images(*map(as_pixels, images)), head),
    )


def fit_all(
    task: Task, methods: Mapping[str, Mapping[str, Any]], reference: str | None, draw: int
) -> Iterator[tuple[str, str, Fitted]]:
    """Yield (name, kind, classifier) of each method, and of the reference once more, with other random numbers."""
    runs = [(name, values, draw) for name, values in methods.items()]
    if reference:
        runs.append((f"{reference}{AGAIN}", methods[reference], seed_of("again", draw)))
    for name, values, seed in progress(runs, f"{task.shots} shots", unit="method"):
        yield name, values["kind"], fit(task, values, seed)


def fit(task: Task, values: Mapping[str, Any], seed: int) -> Fitted:
    """Return the method of the parameters `values`, fitted; it sees the test split only if they say so."""
    params = registry.parse("classifiers", dict(values))
    if getattr(params, "chosen_on", "validation") != "test":
        pixels = replace(task.pixels, test=None) if task.pixels else None
        task = replace(task, splits=replace(task.splits, test=None), pixels=pixels)
    fitted: Fitted = registry.load("classifiers", params.kind).fit(
        task, params, torch.Generator().manual_seed(seed)
    )
    return fitted


def as_pixels(images: Features) -> Features:
    """Return images whose features are their pixels."""
    return replace(images, vectors=images.pixels[:, None])


def seen_by(kind: str, images: Features) -> Tensor:
    """Return what a fitted method of `kind` answers from: features of the first view [n, w], or pixels [n, p]."""
    return (as_pixels(images) if sees_pixels(kind) else images).vectors[:, 0]


def sees_pixels(kind: str) -> bool:
    """Return whether methods of `kind` are given pixels where others are given features."""
    return bool(getattr(registry.load("classifiers", kind), "SEES_PIXELS", False))


def _drawn(images: Features, shots: int, draw: int) -> Features:
    return images.take(draw_shots(images.ids, images.labels, shots, draw))


def _splits(images: Images, head: Head) -> Splits:
    codes = {label: code for code, label in enumerate(head.classes)}

    def split(part: Features) -> Split:
        labels = torch.tensor([codes[label] for label in part.labels], dtype=torch.int64)
        return Split(part.vectors, labels)

    return Splits(*map(split, images))
