"""Operations of a training step, forward and backward."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count


def step_flops(loss: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    """Return the operations of the loss of a batch and of its gradients, for one of its images.

    A multiplication and an addition are two; counted are matrix products, convolutions and attention. Gradients
    stay in the parameters.
    """
    backward = torch.ops.aten.convolution_backward
    with FlopCounterMode(display=False, custom_mapping={backward: _convolution_backward}) as counter:
        loss(rows).backward()
    return counter.get_total_flops() / len(rows)


def _convolution_backward(
    grad_shape: Sequence[int],
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    _bias: object,
    _stride: object,
    _padding: object,
    _dilation: object,
    transposed: bool,
    _output_padding: object,
    _groups: int,
    asked: Sequence[bool],
    out_shape: object,
    **_more: object,
) -> int:
    """Return the operations of a convolution's way back: those of the way there, for each gradient asked for.

    torch's own count of the weight's gradient takes a grouped convolution for a dense one: of a depthwise layer as
    many times too much as it has channels.
    """
    there = conv_flop_count(list(input_shape), list(weight_shape), list(grad_shape), transposed)
    return int(there * (asked[0] + asked[1]))
