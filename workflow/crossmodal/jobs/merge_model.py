"""Job: fold a cell's adapter into the base weights and save a plain open_clip model."""

from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.clip import load_clip, save_clip


def main(
    config: In,
    weights: In,
    tower: Ins,
    adapter_config: In,
    adapter: In,
    merged_config: Out,
    merged: Out,
    spec: Spec,
) -> None:
    model = load_clip(config, weights)
    method = methods.load_adapter(model, adapter_config, adapter)
    if not methods.merges(method):
        raise UserError(
            f"{adapter_config}: the method {method.kind} adds modules that no plain open_clip model has; "
            "only a method that changes weights can be merged"
        )
    methods.merge(model, method)
    save_clip(model, merged_config, merged)


if __name__ == "__main__":
    run(main)
