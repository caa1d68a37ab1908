"""Job: what fitting each method and answering one image take, alone on the machine, in one process."""

import json
import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from crossmodal.classifiers.base import Fitted
from crossmodal.experiments.few_shot.features import read_features, read_head
from crossmodal.experiments.few_shot.fit_classifiers import prompt_encoder
from crossmodal.experiments.few_shot.fitting import Images, drawn, fit, seen_by, task_of
from crossmodal.jobs.run import In, Ins, Spec, Timed, run
from crossmodal.models.encoder_costs import time_interleaved
from crossmodal.models.footprint import count_flops
from crossmodal.torch_setup import prepare_torch


def main(
    config: In, weights: In, tower: Ins, train: In, validation: In, test: In, head: In, times: Timed, spec: Spec
) -> None:  # fmt: skip
    values, process = spec["parameters"], int(spec["wildcards"]["process"])
    prepare_torch(spec["threads"], spec["seed"])
    images, found = Images(*(read_features(path) for path in (train, validation, test))), read_head(head)
    encode = prompt_encoder(values["methods"], config, weights, found)
    own = drawn(images, values["shots"], values["draw"], values["validation_shots"])
    task = task_of(own, found, values["shots"], encode)
    names = list(values["methods"])
    random.Random(spec["seed"]).shuffle(
        names
    )  # what is fitted first finds a cold cache: another one each time
    fitted: dict[str, Fitted] = {}
    seconds: dict[str, float] = {}
    for name in names:
        started = perf_counter()
        fitted[name] = fit(task, values["methods"][name], values["draw"])
        seconds[name] = perf_counter() - started
    calls = {
        name: _call(one, seen_by(values["methods"][name]["kind"], images.test)[:1])
        for name, one in fitted.items()
    }
    samples = time_interleaved(list(calls.values()), values["repeats"], "answers", spec["seed"])
    records: list[dict[str, Any]] = [
        {
            "method": name,
            "process": process,
            "seconds": seconds[name],
            "samples_ms": own,
            "flops": count_flops(call),
            "parameters": fitted[name].parameters,
            "stored_bytes": 4 * fitted[name].stored,
        }
        for (name, call), own in zip(calls.items(), samples, strict=True)
    ]
    times.write_text(json.dumps(records) + "\n")


def _call(fitted: Fitted, one: Tensor) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return fitted.logits(one)

    return call


if __name__ == "__main__":
    run(main)
