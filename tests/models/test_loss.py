"""The loss against CLIP's own, and against the definition written with loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.loss import ClipLoss
from torch.nn import functional

from crossmodal.models.loss import contrastive_loss, query_losses


def unit(n, seed, d=8):
    return functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=-1)


def slow_query_loss(similarity, query_label, gallery_labels, scale):
    """Return the cross-entropy of one query, entry by entry."""
    logits = [scale * float(s) for s in similarity]
    total = math.log(sum(math.exp(logit) for logit in logits))
    positives = [i for i, label in enumerate(gallery_labels) if label == query_label]
    return sum((total - logits[i]) / len(positives) for i in positives)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    image_labels=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    text_labels=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    scale=st.floats(0.1, 50),
)
def test_equals_the_definition(seed, image_labels, text_labels, scale):
    images, texts = unit(len(image_labels), seed), unit(len(text_labels), seed + 1)
    s = (images @ texts.T).double()
    rows = [slow_query_loss(s[i], y, text_labels, scale) for i, y in enumerate(image_labels)]
    columns = [slow_query_loss(s[:, j], y, image_labels, scale) for j, y in enumerate(text_labels)]
    expected = (sum(rows) / len(rows) + sum(columns) / len(columns)) / 2
    got = contrastive_loss(images, texts, torch.tensor(image_labels), scale, torch.tensor(text_labels))
    assert float(got) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
def test_equals_clips_loss_with_distinct_labels_and_so_do_gradients(scale):
    ours, theirs = unit(16, 0).requires_grad_(True), unit(16, 0).requires_grad_(True)
    texts, labels = unit(16, 1), torch.randperm(16, generator=torch.Generator().manual_seed(0))
    mine = contrastive_loss(ours, texts, labels, scale)
    reference = ClipLoss()(theirs, texts, scale)
    torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-6)
    mine.backward()
    reference.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_equals_cross_entropy_with_soft_targets():
    images, texts, labels = unit(6, 2), unit(6, 3), torch.tensor([0, 0, 1, 2, 2, 2])
    targets = (labels[:, None] == labels).float()
    targets = targets / targets.sum(dim=1, keepdim=True)
    logits = 10 * images @ texts.T
    expected = (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits.T, targets)) / 2
    torch.testing.assert_close(contrastive_loss(images, texts, labels, 10), expected)


def test_a_query_without_positive_costs_nothing():
    losses = query_losses(unit(2, 0), unit(3, 1), torch.tensor([0, 9]), torch.tensor([0, 1, 2]), 5.0)
    assert losses[0] > 0 and losses[1] == 0


def test_half_precision_features_are_summed_in_float32():
    images, texts, labels = unit(8, 0).bfloat16(), unit(8, 1).bfloat16(), torch.arange(8)
    got = contrastive_loss(images, texts, labels, torch.tensor(100.0))
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, contrastive_loss(images.float(), texts.float(), labels, 100.0))
