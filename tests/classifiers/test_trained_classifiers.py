"""CLIP-Adapter and ProLIP: their limits, their formulas, what they train."""

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from crossmodal.adaptation.initialisation import linear
from crossmodal.classifiers.base import embed
from few_shot_tasks import fit, make_task, queries


def accuracy(found, split) -> float:
    return float((found.logits(split.features[:, 0]).argmax(dim=1) == split.labels).float().mean())


def test_no_share_of_the_network_is_zero_shot(task) -> None:
    zero_shot = fit(task, "zero_shot").logits(queries(task))
    found = fit(task, "clip_adapter", ratio=0, epochs=3)
    torch.testing.assert_close(found.logits(queries(task)), zero_shot, atol=1e-5, rtol=0)


def test_clip_adapter_written_out(task) -> None:
    """As drawn: two layers without biases, each with a ReLU behind it."""
    generator = torch.Generator().manual_seed(3)
    down, up = linear(16, 4, generator, task.texts), linear(4, 16, generator, task.texts)
    found = fit(task, "clip_adapter", seed=3, ratio=0.7, epochs=0)
    with torch.no_grad():
        for feature, row in zip(queries(task), found.logits(queries(task)), strict=True):
            f = embed(task, feature)
            adapted = (up.weight @ (down.weight @ f).clamp_min(0)).clamp_min(0)
            mixed = functional.normalize(0.7 * adapted + 0.3 * f, dim=0)
            torch.testing.assert_close(row, task.scale * task.texts @ mixed, atol=1e-4, rtol=0)


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(4, 20))
def test_a_classifier_learns_and_counts(classes, shots, views, reduction, size) -> None:
    task = make_task(classes, shots, views, size=size)
    adapter = fit(task, "clip_adapter", epochs=2, reduction=reduction)
    assert adapter.parameters == adapter.stored == 2 * size * max(1, size // reduction)
    prolip = fit(task, "prolip", epochs=2)
    assert prolip.parameters == prolip.stored == size * 24 and prolip.chosen == {}
    for found in (adapter, prolip):
        assert found.logits(queries(task)).shape == (8 * classes, classes)
        assert not found.logits(queries(task)).requires_grad and len(found.losses) == 2


def test_training_helps() -> None:
    task = make_task(classes=6, shots=16, width=48, size=64, noise=2.0)
    start = accuracy(fit(task, "zero_shot"), task.splits.train)
    for kind in ("clip_adapter", "prolip", "tip_adapter_f", "xmadapter"):
        cache = {"alphas": [5]} if kind in ("tip_adapter_f", "xmadapter") else {}
        found = fit(task, kind, learning_rate=0.01, **cache)
        assert found.losses[-1] < found.losses[0], kind
        assert accuracy(found, task.splits.train) > start, kind


def test_a_projection_that_is_held_or_not_trained_is_zero_shot(task) -> None:
    zero_shot = fit(task, "zero_shot").logits(queries(task))
    assert torch.equal(fit(task, "prolip", epochs=0).logits(queries(task)), zero_shot)
    held = fit(task, "prolip", regularisation=1e6).logits(queries(task))
    free = fit(task, "prolip", regularisation=0).logits(queries(task))
    assert (held - zero_shot).abs().max() < 0.01 < (free - zero_shot).abs().max()


def test_the_projection_is_held_by_one_over_shots(task) -> None:
    found, same = fit(task, "prolip"), fit(task, "prolip", regularisation=1 / task.shots)
    assert torch.equal(found.logits(queries(task)), same.logits(queries(task)))
    assert found.losses == same.losses


def test_one_step_of_prolip_written_out() -> None:
    """Adam's first step is the rate times the gradient over its size plus ε; the distance has no gradient yet."""
    task = make_task(views=1, scale=0.01)  # so that gradients are of the size of ε
    train, rate = task.splits.train, 0.1
    projection = task.projection.clone().requires_grad_()
    f = functional.normalize(train.features[:, 0] @ projection.T + task.bias, dim=1)
    functional.cross_entropy(task.scale * f @ task.texts.T, train.labels).backward()
    stepped = task.projection - rate * projection.grad / (projection.grad.abs() + 1e-4)
    expected = functional.normalize(queries(task) @ stepped.T + task.bias, dim=1)
    found = fit(task, "prolip", epochs=1, learning_rate=rate).logits(queries(task))
    torch.testing.assert_close(found / task.scale, expected @ task.texts.T, atol=1e-4, rtol=0)


def test_prolip_reads_no_validation_image(task) -> None:
    other = make_task(seed=9).splits.validation
    moved = replace(task, splits=replace(task.splits, validation=other))
    assert torch.equal(fit(task, "prolip").logits(queries(task)), fit(moved, "prolip").logits(queries(task)))
