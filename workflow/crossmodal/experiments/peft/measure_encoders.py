"""Job: measure the encoders of several cells side by side, merged and, where that differs, unmerged."""

import json
from collections.abc import Iterator
from pathlib import Path

from crossmodal.adaptation import methods
from crossmodal.jobs.run import Ins, Spec, Timed, run
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import load_clip
from crossmodal.models.encoder_costs import measure_encoders
from crossmodal.torch_setup import prepare_torch


def main(
    configs: Ins,
    weights: Ins,
    towers: Ins,
    adapter_configs: Ins,
    adapter_weights: Ins,
    latency: Timed,
    spec: Spec,
) -> None:
    values = spec["parameters"]
    prepare_torch(spec["threads"], spec["seed"])

    adapted = zip(values["cells"], configs, weights, adapter_configs, adapter_weights, strict=True)
    models = [form for files in adapted for form in _forms(*files)]
    records = measure_encoders(models, values["repeats"], values["batch_size"], values["batch_repeats"])
    latency.write_text(json.dumps(records) + "\n")


def _forms(
    cell: str, config: Path, weights: Path, method: Path, adapter: Path
) -> Iterator[tuple[str, str, CLIP]]:
    """Yield the forms of a cell. One that adds nothing to the base model is `merged` as it is."""
    model = load_clip(config, weights)
    bare = set(model.state_dict())
    params = methods.load_adapter(model, method, adapter)
    if set(model.state_dict()) == bare:
        yield cell, "merged", model
        return
    yield cell, "unmerged", model
    if methods.merges(params):
        folded = load_clip(config, weights)
        methods.merge(folded, methods.load_adapter(folded, method, adapter))
        yield cell, "merged", folded


if __name__ == "__main__":
    run(main)
