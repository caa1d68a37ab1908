"""Job: recall@1 of one adapted model on validation data under the attack that all cells are validated with."""

import json

from crossmodal.adaptation import methods
from crossmodal.experiments.robustness.units import measure_unit, read_captions
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.torch_setup import device, prepare_torch
from crossmodal.training.adversary_settings import RobustCheck
from crossmodal.training.batches import load_training_set
from crossmodal.training.robust_validation import clean_recall, robust_recall


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, train: In, validation: In,
    recalls: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    params = RobustCheck.model_validate(spec["parameters"]["validation"])
    model = load_clip(config, weights)
    unit = measure_unit(model, read_captions(train))["norm"]
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device()).eval()
    data = load_training_set(model, [validation])
    names = ("text_to_image", "image_to_text", "clean_text_to_image", "clean_image_to_text")
    found = (
        *robust_recall(model, data, params, unit, device()),
        *clean_recall(model, data, params, device()),
    )
    recalls.write_text(json.dumps(dict(zip(names, found, strict=True)), indent=1) + "\n")


if __name__ == "__main__":
    run(main, accelerated=True)
