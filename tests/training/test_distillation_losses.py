"""The four losses against slow obvious loops, and in the cases where each is another loss or nothing."""

from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.models.loss import contrastive_loss
from crossmodal.training.distillation_losses import (
    Embedded,
    affinity_loss,
    distillation_loss,
    feature_loss,
    interactive_loss,
)

NOTHING = {"task": 0.0, "feature": 0.0, "interactive": 0.0, "affinity": 0.0}


def only(**weights: float) -> DistillationParameters:
    return DistillationParameters(**NOTHING | weights)


def embedded(n: int, d: int, seed: int, scale: float = 10.0) -> Embedded:
    draw = torch.Generator().manual_seed(seed)
    images, texts = (normalize(torch.randn(n, d, generator=draw), dim=1) for _ in range(2))
    return Embedded(images, texts, scale)


batches = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.just(n), st.integers(1, 8), st.lists(st.integers(0, 3), min_size=n, max_size=n), st.integers(0, 99)
    )
)
scales = st.floats(0.1, 50.0)


def softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    powers = [exp(x - top) for x in logits]
    return [x / sum(powers) for x in powers]


def dot(a: Tensor, b: Tensor) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def slow_cross_entropy(queries: Tensor, gallery: Tensor, labels: list[int], scale: float) -> float:
    total = 0.0
    for i, query in enumerate(queries):
        shares = softmax([scale * dot(query, item) for item in gallery])
        right = [share for share, label in zip(shares, labels, strict=True) if label == labels[i]]
        total += sum(-log(share) for share in right) / len(right)
    return total / len(queries)


def slow_divergence(own: Embedded, target: Embedded, rows: str, columns: str, temperature: float) -> float:
    total = 0.0
    for i in range(len(own.images)):
        shares = [
            softmax([m.scale * dot(getattr(m, rows)[i], item) / temperature for item in getattr(m, columns)])
            for m in (own, target)
        ]
        total += sum(q * log(q / p) for p, q in zip(*shares, strict=True) if q > 0)
    return total / len(own.images)


@given(batches)
def test_feature_loss_is_a_mean_over_elements(batch) -> None:
    n, d, _, seed = batch
    a, b = embedded(n, d, seed).images, embedded(n, d, seed + 1).images
    slow = sum((float(a[i, j]) - float(b[i, j])) ** 2 for i in range(n) for j in range(d)) / (n * d)
    assert float(feature_loss(a, b)) == pytest.approx(slow, rel=1e-4, abs=1e-7)
    cosines = (a * b).sum(dim=1)
    assert float(feature_loss(a, b)) == pytest.approx(float((2 - 2 * cosines).mean()) / d, rel=1e-3, abs=1e-6)


@given(batches, scales)
def test_interactive_loss_is_two_cross_entropies(batch, scale) -> None:
    n, d, labels, seed = batch
    student, teacher = embedded(n, d, seed), embedded(n, d, seed + 1)
    slow = slow_cross_entropy(student.images, teacher.texts, labels, scale)
    slow += slow_cross_entropy(student.texts, teacher.images, labels, scale)
    found = interactive_loss(student, teacher, torch.tensor(labels), scale)
    assert float(found) == pytest.approx(slow / 2, rel=1e-4, abs=1e-4)


@given(batches, scales, scales, st.floats(0.5, 4.0), st.integers(1, 8))
def test_affinity_loss_is_two_divergences(batch, scale, other, temperature, width) -> None:
    """Each model has a scale of its own, and a width."""
    n, d, _, seed = batch
    student, teacher = embedded(n, d, seed, scale), embedded(n, width, seed + 1, other)
    slow = slow_divergence(student, teacher, "images", "texts", temperature)
    slow += slow_divergence(student, teacher, "texts", "images", temperature)
    found = affinity_loss(student, teacher, temperature)
    assert float(found) == pytest.approx(slow / 2 * temperature**2, rel=1e-3, abs=1e-4)
    assert float(found) >= -1e-3


@given(batches, scales)
def test_a_student_that_is_its_teacher(batch, scale) -> None:
    n, d, labels, seed = batch
    teacher, numbers = embedded(n, d, seed, scale), torch.tensor(labels)
    student = Embedded(*(x.clone().requires_grad_() for x in teacher[:2]), scale)
    feature = distillation_loss(student, student, teacher, numbers, only(feature=2000.0))
    assert float(feature.detach()) == 0
    feature.backward()
    assert not student.images.grad.any() and not student.texts.grad.any()
    assert float(affinity_loss(teacher, teacher)) == 0
    plain = contrastive_loss(teacher.images, teacher.texts, numbers, scale)
    assert torch.equal(interactive_loss(teacher, teacher, numbers, scale), plain)
    whole = distillation_loss(teacher, teacher, teacher, numbers, DistillationParameters())
    assert float(whole) == pytest.approx(2 * float(plain), rel=1e-5)


def test_the_sum_is_that_of_its_weighted_parts() -> None:
    student, mapped, teacher = embedded(5, 4, 0), embedded(5, 6, 1, 3.0), embedded(5, 6, 2, 20.0)
    labels = torch.tensor([0, 1, 1, 2, 3])
    weights = DistillationParameters(
        task=0.5, feature=7.0, interactive=2.0, affinity=3.0, affinity_temperature=2.0
    )
    expected = (
        0.5 * contrastive_loss(student.images, student.texts, labels, student.scale)
        + 7.0 * (feature_loss(mapped.images, teacher.images) + feature_loss(mapped.texts, teacher.texts))
        + 2.0 * interactive_loss(mapped, teacher, labels, 3.0)
        + 3.0 * affinity_loss(student, teacher, 2.0)
    )
    assert float(distillation_loss(student, mapped, teacher, labels, weights)) == pytest.approx(
        float(expected)
    )
    # One that does not count is not computed: a mapping of another width would not even multiply.
    task = distillation_loss(student, student, teacher, labels, only(task=1.0))
    assert float(task) == float(contrastive_loss(student.images, student.texts, labels, student.scale))


def test_the_teacher_is_given_no_gradient_by_the_affinity_of_its_own() -> None:
    student, teacher = embedded(4, 3, 0), embedded(4, 3, 1)
    images = student.images.clone().requires_grad_()
    affinity_loss(student._replace(images=images), teacher).backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


@pytest.mark.parametrize("wrong", [NOTHING, {"feature": -1.0}, {"affinity_temperature": 0.0}])
def test_wrong_weights(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"nothing to learn|greater than"):
        DistillationParameters(**wrong)
