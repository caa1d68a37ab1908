"""Pointwise convolutions with a stride: the same numbers without torch's fault."""

from copy import deepcopy

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from crossmodal.models.strided_pointwise import PickedConv2d, has_fault, pick_pixels_first


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@given(st.integers(1, 15), st.sampled_from([2, 3, (1, 2)]), st.integers(2, 9), st.booleans())
def test_pixels_picked_first_give_the_same_numbers(channels, stride, side, bias) -> None:
    plain = nn.Conv2d(channels, 5, 1, stride, bias=bias)
    picked = deepcopy(plain)
    pick_pixels_first(nn.Sequential(picked))
    assert type(picked) is PickedConv2d
    images = torch.rand(2, channels, side, side)
    own, other = images.clone().requires_grad_(), images.clone().requires_grad_()
    found, expected = picked(own), plain(other)
    torch.testing.assert_close(found, expected)
    weights = torch.rand_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(own.grad, other.grad)
    torch.testing.assert_close(picked.weight.grad, plain.weight.grad)


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, 2), nn.Conv2d(16, 4, 1, 2), nn.Conv2d(4, 4, 1, 2, groups=4)],
    ids=["no stride", "no pointwise", "many channels", "grouped"],
)
def test_others_stay_as_they_are(layer: nn.Conv2d) -> None:
    pick_pixels_first(nn.Sequential(layer))
    assert type(layer) is nn.Conv2d and not has_fault(layer)


def test_fastvit_trains_on_images_of_photographs_size() -> None:
    """Without the way around the process ends here."""
    torch.manual_seed(0)
    tower = timm.create_model("fastvit_t8", num_classes=8).train()
    names = list(tower.state_dict())
    tower.to(memory_format=torch.channels_last)
    pick_pixels_first(tower)
    images = torch.rand(4, 3, 128, 128).to(memory_format=torch.channels_last)
    for _ in range(2):
        tower(images).square().sum().backward()
    assert sum(isinstance(layer, PickedConv2d) for layer in tower.modules()) == 1
    assert list(tower.state_dict()) == names
    assert all(p.grad is not None and p.grad.isfinite().all() for p in tower.parameters())
