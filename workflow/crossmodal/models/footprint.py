"""How large a model is, and what a call takes apart from time: operations, memory of activations."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import token_embedding


class Size(NamedTuple):
    """Numbers of parameters of a model."""

    total: int
    """All of them."""
    without_token_table: int
    """All but the embeddings of tokens, most of which no caption asks for."""


def size(model: CLIP) -> Size:
    """Return how many parameters `model` has."""
    total = sum(parameter.numel() for parameter in model.parameters())
    return Size(total, total - token_embedding(model).weight.numel())


def count_flops(call: Callable[[], object]) -> int:
    """Return the floating-point operations of `call`, a multiplication and an addition counted as two.

    Counted are matrix products, convolutions and attention, by torch's FlopCounterMode; not counted is what
    works element by element or by row (normalisation, softmax, activations, sums, look-ups), a few per cent of a
    transformer. The fused encoder path of torch is switched off meanwhile: it is one operation that the counter
    does not know, and all that it computes would count as nothing.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def weight_bytes(model: nn.Module) -> int:
    """Return the size of all parameters and buffers of `model`, each storage once."""
    tensors = [*model.parameters(), *model.buffers()]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def activation_bytes(call: Callable[[], object]) -> int:
    """Return the most bytes that `call` holds at once, on the CPU, beside what was there before it.

    The running sum of what torch's allocator gives and takes back, as its profiler records it: outputs and
    temporary tensors, those inside a kernel included as far as they come from the allocator. One call goes
    before, so that what is made only once does not count.
    """
    with torch.inference_mode():
        call()
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            call()
    result = recorded.profiler.kineto_results if recorded.profiler else None
    events = [event for event in result.events() if event.name() == "[memory]"] if result else []
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
