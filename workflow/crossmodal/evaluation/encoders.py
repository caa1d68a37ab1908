"""Latency of encoders, one item at a time, all cells side by side in one process."""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import torch

from crossmodal.models import clip, towers
from crossmodal.models.architecture import CLIP
from crossmodal.progress import progress


def measure_encoders(models: list[tuple[str, str, CLIP]], repeats: int) -> list[dict[str, Any]]:
    """Time every (cell, form, model) on one image and on one caption; return EncoderLatency records.

    Every round times each model once, in an order that turns from round to round, so that a slow moment of
    the machine meets all of them alike. A tenth as many rounds go before, untimed.
    """
    calls: list[tuple[dict[str, Any], Callable[[], object]]] = []
    for cell, form, model in models:
        size = clip.image_size(model)
        generator = torch.Generator().manual_seed(0)
        pixels = torch.rand(1, 3, size, size, generator=generator)
        tokens = clip.tokenize(model, ["a photo of a small red house on a green hill"])
        for modality, call in (("image", _image_call(model, pixels)), ("text", _text_call(model, tokens))):
            calls.append(({"cell": cell, "form": form, "modality": modality, "samples_ms": []}, call))
    warm_up = max(1, repeats // 10)
    with torch.inference_mode():
        for i in progress(range(warm_up + repeats), "timing encoders", unit="round"):
            turn = i % len(calls)
            for record, call in calls[turn:] + calls[:turn]:
                start = perf_counter_ns()
                call()
                if i >= warm_up:
                    record["samples_ms"].append((perf_counter_ns() - start) / 1e6)
    return [record for record, _ in calls]


def _image_call(model: CLIP, pixels: torch.Tensor) -> Callable[[], object]:
    return lambda: towers.encode_images(model, pixels)


def _text_call(model: CLIP, tokens: torch.Tensor) -> Callable[[], object]:
    return lambda: towers.encode_texts(model, tokens)
