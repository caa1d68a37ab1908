"""Job: time the image towers of several cells side by side, and count what they are and take, in one process."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timm.utils import reparameterize_model

from crossmodal.adaptation import methods
from crossmodal.experiments.encoders.params import FEW
from crossmodal.jobs.run import Ins, Spec, Timed, run
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.encoder_costs import time_interleaved
from crossmodal.models.footprint import activation_bytes, count_flops, weight_bytes
from crossmodal.torch_setup import prepare_torch


def main(
    configs: Ins,
    weights: Ins,
    towers: Ins,
    adapter_configs: Ins,
    adapter_weights: Ins,
    times: Timed,
    spec: Spec,
) -> None:
    values, process = spec["parameters"], int(spec["wildcards"]["process"])
    prepare_torch(spec["threads"], spec["seed"])
    files = list(zip(values["cells"], configs, weights, adapter_configs, adapter_weights, strict=True))
    # Where weights lie in memory has a part in how fast they are read: in each process it is another one.
    random.Random(spec["seed"]).shuffle(files)
    models = {cell: _load(*own) for cell, *own in files}
    counts = (1, FEW, values["batch_size"])
    repeats = (values["repeats"], values["repeats"], values["batch_repeats"])
    samples: dict[str, dict[int, list[float]]] = {cell: {} for cell in models}
    for count, rounds in dict(zip(counts, repeats, strict=True)).items():
        calls = [images_call(model, count) for model in models.values()]
        found = time_interleaved(calls, rounds, f"{count} images", spec["seed"])
        for cell, timed in zip(models, found, strict=True):
            samples[cell][count] = timed
    records = [
        {"cell": cell, "process": process, "count": count, "samples_ms": timed}
        | (size_of(models[cell]) | {"pretrained": known} if process == 0 and count == 1 else {})
        for cell, known in zip(values["cells"], values["pretrained"], strict=True)
        for count, timed in samples[cell].items()
    ]
    times.write_text(json.dumps(records) + "\n")


def images_call(model: CLIP, count: int) -> Callable[[], object]:
    """Return what encodes `count` random images of the model's size."""
    side = clip.image_size(model)
    pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    return lambda: dual_encoder.encode_images(model, pixels)


def size_of(model: CLIP) -> dict[str, Any]:
    """Return parameters of the image tower and of the whole, bytes of the tower, and what one image takes."""
    one = images_call(model, 1)
    return {
        "image_size": clip.image_size(model),
        "parameters_tower": sum(p.numel() for p in model.visual.parameters()),
        "parameters": sum(p.numel() for p in model.parameters()),
        "weight_bytes": weight_bytes(model.visual),
        "activation_bytes": activation_bytes(one),
        "flops": count_flops(one),
    }


def _load(config: Path, weights: Path, method: Path, adapter: Path) -> CLIP:
    model = clip.load_clip(config, weights)
    params = methods.load_adapter(model, method, adapter)
    if methods.merges(params):
        methods.merge(model, params)
    # torch's counter of operations trips over a parameter that is trained
    model.eval().requires_grad_(False)
    if trunk := getattr(model.visual, "trunk", None):
        model.visual.trunk = reparameterize_model(
            trunk
        )  # branches that training needs and use does not, folded
    return model


if __name__ == "__main__":
    run(main)
