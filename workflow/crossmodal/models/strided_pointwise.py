"""A way around a fault of torch: pointwise convolutions that skip pixels, of few channels.

In channels-last layout on the CPU the backward pass of a 1 x 1 convolution with a stride, and fewer than 16
channels, writes beyond its memory (torch 2.15 with oneDNN). From some 100 px on the process ends with
"Segmentation fault" or "corrupted double-linked list"; FastViT begins with one. Such a convolution looks at every
second pixel or so: picking these first gives the same numbers, and nothing is skipped any more.
"""

from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 16
"""With as many input channels or more there is no fault."""


class PickedConv2d(nn.Conv2d):
    """A pointwise convolution with a stride that picks its pixels first."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        down, across = self.stride
        return functional.conv2d(input[..., ::down, ::across], weight, bias)


def pick_pixels_first(tower: nn.Module) -> None:
    """Let the convolutions of `tower` that have the fault go around it; parameters and names stay."""
    for module in tower.modules():
        if type(module) is nn.Conv2d and has_fault(module):
            module.__class__ = PickedConv2d


def has_fault(layer: nn.Conv2d) -> bool:
    """Return whether a convolution is of the kind that torch computes wrongly in channels-last layout."""
    plain = layer.groups == 1 and layer.padding == (0, 0)
    return plain and layer.kernel_size == (1, 1) != layer.stride and layer.in_channels < CHANNELS
