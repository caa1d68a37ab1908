"""What attacks make large, against loops over the queries."""

import pytest
import torch
from torch.nn import functional

from crossmodal.attacks.objectives import margin, query_loss, retrieval_loss
from crossmodal.models.loss import contrastive_loss

G = torch.Generator().manual_seed(0)
IMAGES = functional.normalize(torch.randn(5, 8, generator=G), dim=-1)
TEXTS = functional.normalize(torch.randn(7, 8, generator=G), dim=-1)
LABELS, TEXT_LABELS = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 0, 1, 2, 3, 3, 1])
SIDES = {"images": (IMAGES, TEXTS, LABELS, TEXT_LABELS), "texts": (TEXTS, IMAGES, TEXT_LABELS, LABELS)}


@pytest.mark.parametrize("queries", ["images", "texts"])
@pytest.mark.parametrize("targeted", [False, True])
def test_query_loss_is_the_cross_entropy_of_each_query(queries, targeted):
    asking, gallery, own, items = SIDES[queries]
    wanted = (own + 1) % 4 if targeted else own
    found = query_loss(own, items, 20.0, queries, wanted if targeted else None)(IMAGES, TEXTS)
    for query, label, value in zip(asking, wanted, found, strict=True):
        logs = torch.log_softmax(20 * gallery @ query, dim=0)
        expected = -logs[items == label].mean()
        assert float(value) == pytest.approx(float(-expected if targeted else expected), rel=1e-4)


@pytest.mark.parametrize("queries", ["images", "texts"])
@pytest.mark.parametrize("targeted", [False, True])
def test_margin_is_above_0_where_recall_counts_a_miss(queries, targeted):
    asking, gallery, own, items = SIDES[queries]
    wanted = (own + 1) % 4 if targeted else own
    found = margin(own, items, queries, wanted if targeted else None)(IMAGES, TEXTS)
    for query, label, value in zip(asking, wanted, found, strict=True):
        nearest = items[int((gallery @ query).argmax())]
        assert (float(value) > 0) == (bool(nearest == label) if targeted else bool(nearest != label))


def test_a_confident_model_has_a_margin_with_a_gradient_where_the_cross_entropy_has_none():
    labels = torch.arange(2)
    texts = torch.eye(2)
    gradients = []
    for objective in (query_loss(labels, labels, 1000.0), margin(labels, labels)):
        images = torch.eye(2).requires_grad_(True)
        objective(images, texts).sum().backward()
        gradients.append(float(images.grad.norm()))
    assert gradients[0] == 0 and gradients[1] > 1


def test_queries_without_a_right_item_or_without_a_wrong_one_are_left_alone():
    values = margin(torch.tensor([9, 0]), torch.tensor([0, 0]))(IMAGES[:2], TEXTS[:2])
    assert values.tolist() == [0.0, 0.0]


def test_retrieval_loss_is_that_of_training():
    expected = contrastive_loss(IMAGES, TEXTS, LABELS, 20.0, TEXT_LABELS)
    assert torch.equal(retrieval_loss(LABELS, 20.0, TEXT_LABELS)(IMAGES, TEXTS), expected)


@pytest.mark.parametrize(
    "make", [lambda *a: query_loss(*a[:2], 1.0, "images", a[2]), lambda *a: margin(*a[:2], "images", a[2])]
)
def test_a_target_that_is_not_there_is_an_error(make):
    with pytest.raises(ValueError, match="no item of the gallery has the label 7"):
        make(LABELS, TEXT_LABELS, torch.tensor([0, 1, 2, 3, 7]))
    with pytest.raises(ValueError, match="2 labels for 5 queries"):
        make(LABELS, TEXT_LABELS, torch.tensor([0, 1]))
