"""Job: make a base model, by training it or by fetching it from a hub."""

from crossmodal.jobs.run import Folder, Ins, Out, Spec, Timed, run
from crossmodal.models.clip import save_clip
from crossmodal.registry import load, parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.batches import load_training_set
from crossmodal.training.history import History, write_log
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters


def main(
    train: Ins, validation: Ins, config: Out, weights: Out, training: Timed, checkpoints: Folder, spec: Spec
) -> None:
    seed = spec["seed"]
    prepare_torch(spec["threads"], seed)
    params = parse("models", spec["parameters"]["model"])
    model = load("models", params.kind).create(params, seed)
    write_log(training, History())
    if spec["parameters"]["training"]:
        settings = TrainingParameters.model_validate(spec["parameters"]["training"])
        data = load_training_set(model, train)
        watched = load_training_set(model, validation) if validation else None
        fit(model, data, watched, settings, seed, None, checkpoints, training, checkpoints.name)
    save_clip(model, config, weights)


if __name__ == "__main__":
    run(main, accelerated=True)
