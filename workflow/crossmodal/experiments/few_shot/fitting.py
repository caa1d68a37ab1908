"""A set and a draw as a classifier's task, and every method fitted to it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from crossmodal import registry
from crossmodal.classifiers.base import Fitted, PromptEncoder, Split, Splits, Task
from crossmodal.errors import UserError
from crossmodal.experiments.few_shot.features import Features, Head
from crossmodal.experiments.few_shot.shots import check_shots, draw_shots
from crossmodal.progress import progress

PROBE = "pixels"
"""The kind that sees no network: it is given pixels where others are given features."""


class Images(NamedTuple):
    """The features of a dataset, by split."""

    train: Features
    validation: Features
    test: Features


def check_task(images: Images, head: Head, shots: int, where: str) -> None:
    """Raise UserError unless every class has its shots, and an image to choose by and one to be tested on."""
    check_shots(images.train.labels, shots, f"{where}, train split")
    for name, split in (("train", images.train), ("val", images.validation), ("test", images.test)):
        if missing := sorted(set(head.classes) ^ set(split.labels)):
            raise UserError(
                f"{where}: class {missing[0]!r} is not in every split (looked for in {name}); leave it out, or "
                "split within classes"
            )


def task_of(
    images: Images, head: Head, shots: int, draw: int, validation_shots: int, encode: PromptEncoder | None
) -> Task:
    """Return the task of `shots` images of each class, and as many, at most `validation_shots`, to choose by."""
    learnt = images.train.take(draw_shots(images.train.ids, images.train.labels, shots, draw))
    few = min(shots, validation_shots)
    watched = images.validation.take(draw_shots(images.validation.ids, images.validation.labels, few, draw))
    return Task(
        splits=_splits(learnt, watched, images.test, head),
        texts=head.texts,
        projection=head.weight,
        bias=head.bias,
        scale=head.scale,
        shots=shots,
        classes=head.classes,
        encode=encode,
        pixels=_splits(as_pixels(learnt), as_pixels(watched), as_pixels(images.test), head),
    )


def fit_all(
    task: Task, methods: Mapping[str, Mapping[str, Any]], reference: str | None, draw: int
) -> Iterator[tuple[str, Fitted]]:
    """Yield (name, classifier) of each method, and of the reference once more, with other random draws."""
    runs = [(name, values, draw) for name, values in methods.items()]
    if reference:
        runs.append((f"{reference}-again", methods[reference], draw + 1_000_003))
    for name, values, seed in progress(runs, f"{task.shots} shots", unit="method"):
        yield name, fit(task, values, seed)


def fit(task: Task, values: Mapping[str, Any], seed: int) -> Fitted:
    """Return the method of the parameters `values`, fitted; it sees the test split only if they say so."""
    params = registry.parse("classifiers", dict(values))
    if getattr(params, "chosen_on", "validation") != "test":
        task = replace(task, splits=replace(task.splits, test=None))
    fitted: Fitted = registry.load("classifiers", params.kind).fit(
        task, params, torch.Generator().manual_seed(seed)
    )
    return fitted


def as_pixels(images: Features) -> Features:
    """Return images whose features are their pixels."""
    return replace(images, vectors=images.pixels[:, None])


def seen_by(kind: str, images: Features) -> Tensor:
    """Return what a fitted method of `kind` answers from: features of the first view [n, w], or pixels [n, p]."""
    return (as_pixels(images) if kind == PROBE else images).vectors[:, 0]


def _splits(learnt: Features, watched: Features, tested: Features, head: Head) -> Splits:
    codes = {label: code for code, label in enumerate(head.classes)}

    def split(images: Features) -> Split:
        labels = torch.tensor([codes[label] for label in images.labels], dtype=torch.int64)
        return Split(images.vectors, labels)

    return Splits(split(learnt), split(watched), split(tested))
