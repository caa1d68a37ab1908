"""Several processes that share each batch: features gathered with gradients, gradients averaged.

Every process encodes its own part of the batch and takes the loss over the features of all, so the n processes
hold n equal losses. `gather` sends back to a feature the gradients of all of them; `average_gradients` divides
their sum by n: the result is the gradient of the one loss of the whole batch, on parameters behind the features
and on those in the loss itself (the logit scale) alike. Started by one process alone, everything here is the
identity.

Not DistributedDataParallel, which wraps one forward(): the two towers are called apart, again under an attack and
again when gradients are cached. Not torch.distributed.nn.functional.all_gather either: torch deprecates it, and it
takes parts of one size only, while a batch need not divide by n.
"""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from crossmodal.errors import UserError

_BUCKET = 2**24
"""Values that are sent at once, 64 MB of float32: the copy that is sent needs that much room."""
_PATIENCE = timedelta(days=7)
"""How long a process waits for another. One that dies is noticed at once, and torchrun ends the others; the
usual half an hour would end a job that waits for the lock of another process that does the same."""


def start() -> None:
    """Join the processes that torchrun started, with gloo for CPU tensors and NCCL for those on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=_PATIENCE)


def rank() -> int:
    """Return this process's number, from 0. Process 0 writes what is written."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return the number of processes, 1 where none were joined."""
    return dist.get_world_size() if dist.is_initialized() else 1


def require(processes: int, smallest_batch: int) -> None:
    """Raise UserError unless as many processes run as the parameters ask for, with a pair for each."""
    if count() != processes:
        raise UserError(
            f"training: processes is {processes} and {count()} run;"
            f" start it by python -m crossmodal.jobs.torchrun {processes} MODULE ..."
        )
    if smallest_batch < processes:
        raise UserError(
            f"training: {processes} processes cannot share a batch of {smallest_batch} pairs;"
            " give fewer processes or a larger batch_size"
        )


def tell(value: Any) -> Any:
    """Return the `value` of process 0 in every process; it travels as JSON."""
    if count() == 1:
        return value
    text = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
    size = torch.tensor(len(text))
    dist.broadcast(size, 0)
    if rank():
        text = torch.empty(int(size), dtype=torch.uint8)
    dist.broadcast(text, 0)
    return json.loads(text.numpy().tobytes())


def gather(part: Tensor) -> Tensor:
    """Return the rows of all processes' `part` [n, ...], n may differ, in the order of the processes.

    The gradient of `part` is the sum, over the processes, of what their losses send back to its rows. All
    processes must call this, and go backward through it, in the same order.
    """
    if count() == 1:
        return part
    gathered: Tensor = _Gather.apply(part)
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        lengths = [torch.empty(1, dtype=torch.int64, device=part.device) for _ in range(count())]
        dist.all_gather(lengths, torch.tensor([len(part)], device=part.device))
        sizes = [int(length) for length in lengths]
        ctx.first, ctx.length = sum(sizes[: rank()]), len(part)
        padded = part.new_zeros(max(sizes), *part.shape[1:])
        padded[: len(part)] = part
        received = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(received, padded)
        return torch.cat([rows[:size] for rows, size in zip(received, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.first : ctx.first + ctx.length]


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes; the same parameters must have one in each."""
    if count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for bucket in _buckets(gradients):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        dist.all_reduce(flat)
        flat /= count()
        parts = flat.split([gradient.numel() for gradient in bucket])
        for gradient, part in zip(bucket, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def _buckets(tensors: Sequence[Tensor]) -> Iterable[list[Tensor]]:
    """Yield neighbours of one type together, as many as fit (a larger tensor alone)."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        size = sum(t.numel() for t in bucket) + tensor.numel()
        if bucket and (bucket[0].dtype != tensor.dtype or size > _BUCKET):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


def share_buffers(model: nn.Module) -> None:
    """Give every process the buffers of process 0: running statistics, taken over the own part of a batch."""
    share(model.buffers())


def share(tensors: Iterable[Tensor]) -> None:
    """Replace `tensors` in every process by those of process 0."""
    if count() > 1:
        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)
