"""The blind probe: ridge regression written out, and its limit, the nearest class mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crossmodal.errors import UserError
from few_shot_tasks import fit


def slow_ridge(task, ridge: float) -> np.ndarray:
    train = task.pixels.train
    x, labels = train.features[:, 0].double().numpy(), train.labels.numpy()
    y = np.eye(len(task.classes))[labels]
    centred = x - x.mean(axis=0)
    unit = np.mean(np.sum(centred**2, axis=1))
    gram = centred.T @ centred + ridge * unit * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (y - y.mean(axis=0)))
    asked = task.pixels.validation.features[:, 0].double().numpy()
    return (asked - x.mean(axis=0)) @ weights + y.mean(axis=0)


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 100.0])
def test_written_out(task, ridge) -> None:
    found = fit(task, "pixels", regularisations=[ridge])
    got = found.logits(task.pixels.validation.features[:, 0])
    assert got.numpy() == pytest.approx(slow_ridge(task, ridge), abs=1e-5) and got.dtype == torch.float32
    assert found.parameters == found.stored == 5 * 12 + 5
    assert found.chosen == {"regularisation": ridge}


def test_a_large_ridge_goes_by_class_means(task) -> None:
    train, asked = task.pixels.train, task.pixels.validation.features[:, 0]
    middle = train.features[:, 0].mean(dim=0)
    means = torch.stack([train.features[train.labels == c, 0].mean(dim=0) for c in range(5)])
    nearest = ((asked - middle) @ (means - middle).T).argmax(dim=1)
    found = fit(task, "pixels", regularisations=[1e6]).logits(asked)
    assert torch.equal(found.argmax(dim=1), nearest)


def test_the_ridge_is_chosen(task) -> None:
    labels = task.pixels.validation.labels.numpy()
    ridges = [1e-3, 0.1, 1.0, 100.0]
    correct = [(slow_ridge(task, ridge).argmax(axis=1) == labels).sum() for ridge in ridges]
    chosen = fit(task, "pixels", regularisations=ridges).chosen["regularisation"]
    assert correct[ridges.index(chosen)] == max(correct)


def test_without_pixels_it_says_so(task) -> None:
    with pytest.raises(
        UserError, match=r"^pixels: needs the images' pixels, which this task does not hand over$"
    ):
        fit(replace(task, pixels=None), "pixels")
