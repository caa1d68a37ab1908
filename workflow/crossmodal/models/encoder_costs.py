"""Costs of encoders: time of one item and of a batch, operations and memory, all cells side by side."""

import random
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

import torch

from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.footprint import activation_bytes, count_flops, weight_bytes
from crossmodal.progress import progress

CAPTION = "a photo of a small red house on a green hill"

Call = Callable[[], object]


def measure_encoders(
    models: Sequence[tuple[str, str, CLIP]],
    repeats: int,
    batch_size: int = 32,
    batch_repeats: int = 10,
    seed: int = 0,
    *,
    counted: bool = True,
) -> list[dict[str, Any]]:
    """Measure every (cell, form, model) on images and on captions; return EncoderCost records.

    Models are left in eval() and frozen.
    Single items are timed in `repeats` rounds, batches in `batch_repeats` further ones, each in an order that
    follows from `seed`. Operations and memory, which are the same in every process, are `counted` if asked for.
    """
    records: list[dict[str, Any]] = []
    single: list[Call] = []
    batched: list[Call] = []
    for cell, form, model in models:
        model.eval().requires_grad_(
            False
        )  # torch's counter of operations trips over a parameter that is trained
        for modality, make in (("image", _image_call), ("text", _text_call)):
            one = make(model, 1)
            single.append(one)
            batched.append(make(model, batch_size))
            facts = {"cell": cell, "form": form, "modality": modality, "batch_size": batch_size}
            records.append(facts | (_counts(model, one) if counted else {}))
    times = time_interleaved(single, repeats, "items", seed)
    batches = time_interleaved(batched, batch_repeats, "batches", seed)
    for record, samples, batch_samples in zip(records, times, batches, strict=True):
        record |= {"samples_ms": samples, "batch_samples_ms": batch_samples}
    return records


def time_interleaved(calls: Sequence[Call], repeats: int, what: str, seed: int = 0) -> list[list[float]]:
    """Return the milliseconds of each call in each of `repeats` rounds, [calls][repeats].

    Every round times each call once, so that a slow moment of the machine meets all of them alike, and in an
    order of its own, drawn from `seed`, so that none always follows the same other one. A tenth as many rounds
    go before, untimed.
    """
    samples: list[list[float]] = [[] for _ in calls]
    warm_up = max(1, repeats // 10)
    order, places = random.Random(seed), list(range(len(calls)))
    with torch.inference_mode():
        for i in progress(range(warm_up + repeats), f"timing encoders, {what}", unit="round"):
            order.shuffle(places)
            for place in places:
                start = perf_counter_ns()
                calls[place]()
                if i >= warm_up:
                    samples[place].append((perf_counter_ns() - start) / 1e6)
    return samples


def _counts(model: CLIP, one: Call) -> dict[str, int]:
    return {
        "weight_bytes": weight_bytes(model),
        "activation_bytes": activation_bytes(one),
        "flops": count_flops(one),
    }


def _image_call(model: CLIP, count: int) -> Call:
    size = clip.image_size(model)
    pixels = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))
    return lambda: dual_encoder.encode_images(model, pixels)


def _text_call(model: CLIP, count: int) -> Call:
    tokens = clip.tokenize(model, [CAPTION] * count)
    return lambda: dual_encoder.encode_texts(model, tokens)
