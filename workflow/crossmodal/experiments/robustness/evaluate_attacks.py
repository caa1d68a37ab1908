"""Job: attack one adapted model's retrieval under every threat model and radius, and check the attacks."""

import json

from crossmodal.adaptation import methods
from crossmodal.experiments.robustness.attacked import evaluate_attacks
from crossmodal.experiments.robustness.attacked_sanity import check_attacks
from crossmodal.experiments.robustness.attacked_split import read_split
from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.jobs.run import In, Ins, Out, Outs, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, images: In,
    queries: Outs, sanity: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    params = ThreatParameters.model_validate(spec["parameters"]["threats"])
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device()).eval()
    data = read_split(model, images, params)
    evaluate_attacks(model, data, params, queries)
    sanity.write_text(json.dumps(check_attacks(model, data, params), indent=1) + "\n")


if __name__ == "__main__":
    run(main, accelerated=True)
