"""Job: fold a cell's adapter into the base weights and save a plain open_clip model."""

from crossmodal.adaptation import methods
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.models.clip import load_clip, save_clip


def main(
    config: In, weights: In, adapter_config: In, adapter: In, merged_config: Out, merged: Out, spec: Spec
) -> None:
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    save_clip(model, merged_config, merged)


if __name__ == "__main__":
    run(main)
