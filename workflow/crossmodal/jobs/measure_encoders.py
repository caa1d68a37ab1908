"""Job: time the encoders of several cells side by side, merged and, where that differs, unmerged."""

import json

from crossmodal.adaptation import methods
from crossmodal.determinism import prepare_torch
from crossmodal.evaluation.encoders import measure_encoders
from crossmodal.jobs.run import In, Ins, Spec, Timed, run
from crossmodal.models.clip import load_clip


def main(
    config: In, weights: In, adapter_configs: Ins, adapter_weights: Ins, latency: Timed, spec: Spec
) -> None:
    prepare_torch(spec["threads"], spec["seed"])
    models = []
    for cell, method, adapter in zip(
        spec["parameters"]["cells"], adapter_configs, adapter_weights, strict=True
    ):
        merged = load_clip(config, weights)
        bare = set(merged.state_dict())
        params = methods.load_adapter(merged, method, adapter)
        adds = set(merged.state_dict()) != bare
        methods.merge(merged, params)
        models.append((cell, "merged", merged))
        if adds:
            unmerged = load_clip(config, weights)
            methods.load_adapter(unmerged, method, adapter)
            models.append((cell, "unmerged", unmerged))
    latency.write_text(json.dumps(measure_encoders(models, spec["parameters"]["repeats"])) + "\n")


if __name__ == "__main__":
    run(main)
