"""Job: measure the encoders of several cells side by side, merged and, where that differs, unmerged.

It is done in several processes, each a job of its own. The reference is loaded twice in each: that one network
differs from itself says how far times can be trusted.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from crossmodal.adaptation import methods
from crossmodal.jobs.run import Ins, Spec, Timed, run
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import load_clip
from crossmodal.models.encoder_costs import measure_encoders
from crossmodal.torch_setup import prepare_torch

FORMS = ("merged", "again", "unmerged")
"""In the order of the records."""


def main(
    configs: Ins,
    weights: Ins,
    towers: Ins,
    adapter_configs: Ins,
    adapter_weights: Ins,
    latency: Timed,
    spec: Spec,
) -> None:
    values, process = spec["parameters"], int(spec["wildcards"]["process"])
    prepare_torch(spec["threads"], spec["seed"])

    adapted = zip(values["cells"], configs, weights, adapter_configs, adapter_weights, strict=True)
    loads = [load for files in adapted for load in _loads(values["reference"], *files)]
    # Where weights lie in memory has a part in how fast they are read: in each process it is another one.
    random.Random(spec["seed"]).shuffle(loads)
    models = [form for load in loads for form in load()]
    records = measure_encoders(
        models, values["repeats"], values["batch_size"], values["batch_repeats"], spec["seed"],
        counted=process == 0,
    )  # fmt: skip
    places = {cell: place for place, cell in enumerate(values["cells"])}
    records.sort(key=lambda record: (places[record["cell"]], FORMS.index(record["form"])))
    latency.write_text(json.dumps([record | {"process": process} for record in records]) + "\n")


def _loads(
    reference: str | None, cell: str, *files: Path
) -> Iterator[Callable[[], Iterable[tuple[str, str, CLIP]]]]:
    """Yield what loads the forms of a cell, and for the cell `reference` what loads its merged form once more."""
    yield partial(_forms, cell, *files)
    if cell == reference:
        yield partial(_again, cell, *files)


def _again(cell: str, *files: Path) -> list[tuple[str, str, CLIP]]:
    """Return the merged form of a cell as `again`; nothing where there is none."""
    return [(cell, "again", model) for _, form, model in _forms(cell, *files) if form == "merged"]


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
