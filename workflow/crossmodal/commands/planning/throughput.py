"""Operations a second, measured: on jobs that ran here, else on a few steps now."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from open_clip import get_model_config

from crossmodal.commands.planning.known import Work
from crossmodal.commands.planning.networks import PREPROCESSING, measure
from crossmodal.models.clip import build_clip
from crossmodal.provenance.account import seconds
from crossmodal.study.specs import rules_of
from crossmodal.study.study import Study
from crossmodal.torch_setup import device

LEAST = 10.0
"""s that a job must have taken for its rate to count: shorter ones are mostly Python's start."""
MEASURED = 3.0
"""s of each measurement."""
BATCH = {"cpu": 16, "cuda": 256}
"""Pairs of a step: a GPU that is given few at once waits for its kernels to start."""


@dataclass(frozen=True)
class Throughput:
    """Operations a second of one process: one core of a CPU for each thread, or one GPU."""

    training: float
    inference: float
    device: str
    source: str

    def hours(self, work: Work) -> float | None:
        """Return the hours of a job; None where its operations are not known."""
        if work.flops is None:
            return None
        return work.flops / (self.training if work.trains else self.inference) / 3600


def whole_jobs(study: Study, manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the manifests of jobs that did at one go what the study now asks of them."""
    return {path: entry for path, entry in manifests.items() if _is_whole(study, entry)}


def _is_whole(study: Study, entry: Mapping[str, Any]) -> bool:
    rule = rules_of(study).get(entry["rule"])
    if rule is None or entry.get("resumed_from"):
        return False
    try:
        job = rule.job(study, **entry["wildcards"])
    except (KeyError, ValueError, TypeError):  # of a cell or a dataset that the study no longer has
        return False
    return bool(json.loads(json.dumps(job.parameters)) == entry["spec"]["parameters"])


def recorded(
    works: Iterable[Work], manifests: Mapping[str, Mapping[str, Any]], study: str
) -> Throughput | None:
    """Return the throughput of the jobs of a study that ran here; None for too few."""
    ran = {(entry["rule"], *sorted(entry["wildcards"].items())): entry for entry in manifests.values()}
    totals: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [0.0, 0.0], False: [0.0, 0.0]})
    for work in works:
        entry = ran.get((work.rule, *sorted(work.wildcards.items())))
        if entry is None or not work.flops or (taken := seconds(entry)) < LEAST:
            continue
        total = totals[str(entry["device"])][work.trains]
        total[0] += work.flops
        total[1] += taken * (entry["threads"] if entry["device"] == "cpu" else 1)
    for name, found in totals.items():
        if found[True][1] and found[False][1]:
            training, inference = (found[trains][0] / found[trains][1] for trains in (True, False))
            return Throughput(training, inference, name, f"jobs of study {study} that ran here")
    return None


def measured() -> Throughput:
    """Return the throughput of this device on CLIP ViT-B/32 with random weights: some steps, a few seconds."""
    place = device()
    torch.set_num_threads(1)
    config = {"model_cfg": get_model_config("ViT-B-32"), "preprocess_cfg": PREPROCESSING}
    with torch.device("meta"):
        costs = measure(build_clip(config))
    model = build_clip(config).to(place)
    batch = BATCH[place]
    pixels = torch.rand(batch, 3, 224, 224, device=place)
    tokens = torch.randint(1, 1000, (batch, 77), device=place)
    pair = batch * (costs.image_flops + costs.text_flops)
    kind = torch.bfloat16 if place == "cuda" else torch.float32

    def step(trains: bool) -> None:
        with torch.set_grad_enabled(trains), torch.autocast(place, kind, enabled=place == "cuda"):
            images, texts = model.encode_image(pixels), model.encode_text(tokens)
            if trains:
                (images @ texts.T).sum().backward()
        if place == "cuda":
            torch.cuda.synchronize()

    training, inference = 3 * pair * _rate(lambda: step(True)), pair * _rate(lambda: step(False))
    name = torch.cuda.get_device_name() if place == "cuda" else "cpu"
    return Throughput(training, inference, name, "some steps of CLIP ViT-B/32 on it, now")


def _rate(call: Any) -> float:
    call()
    count, began = 0, perf_counter()
    while (spent := perf_counter() - began) < MEASURED:
        call()
        count += 1
    return count / spent
