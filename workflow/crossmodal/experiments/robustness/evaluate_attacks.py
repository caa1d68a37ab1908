"""Job: attack one adapted model's retrieval under every threat model and radius, and check the attacks."""

import json

from crossmodal.adaptation import methods
from crossmodal.experiments.robustness.attacked import evaluate_attacks
from crossmodal.experiments.robustness.attacked_sanity import check_attacks
from crossmodal.experiments.robustness.attacked_split import read_split
from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.experiments.robustness.units import measure_unit, read_captions
from crossmodal.jobs.run import In, Ins, Out, Outs, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, images: In,
    embedded_images: In, embedded_captions: In, train: In,
    queries: Outs, sanity: Out, unit: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    params = ThreatParameters.model_validate(spec["parameters"]["threats"])
    model = load_clip(config, weights)
    # Of the base model, so that one whose token table was trained counts in the unit that it was trained with.
    measured = measure_unit(model, read_captions(train))
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device()).eval()
    data = read_split(model, images, params, measured["norm"], (embedded_images, embedded_captions))
    evaluate_attacks(model, data, params, queries)
    unit.write_text(json.dumps(measured, indent=1) + "\n")
    sanity.write_text(json.dumps(check_attacks(model, data, params), indent=1) + "\n")


if __name__ == "__main__":
    run(main, accelerated=True)
