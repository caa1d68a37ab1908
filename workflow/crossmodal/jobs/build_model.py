"""Job: make a base model: create it, align its towers and train it as its parameters say."""

from crossmodal.adaptation.trainable import hold_statistics
from crossmodal.jobs.run import Folder, Ins, Out, Spec, Timed, run
from crossmodal.models.clip import save_clip
from crossmodal.registry import load, parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.batches import load_training_set
from crossmodal.training.history import History, joined, write_log
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters


def main(
    train: Ins, validation: Ins, sources: Ins, config: Out, weights: Out, training: Timed, checkpoints: Folder,
    spec: Spec,
) -> None:  # fmt: skip
    seed, parameters = spec["seed"], spec["parameters"]
    prepare_torch(spec["threads"], seed)
    params = parse("models", parameters["model"])
    model = load("models", params.kind).create(params, seed, sources)
    alignment, history = getattr(params, "alignment", None), History()
    if alignment or parameters["training"]:
        data = load_training_set(model, train)
        watched = load_training_set(model, validation) if validation else None
    if alignment:
        # By name: a job that aligns names this module as a root of its fingerprint, others do not depend on it.
        align = load("training", "alignment").align
        history = align(model, data, watched, alignment, seed, checkpoints, training)
    if parameters["training"]:
        settings = TrainingParameters.model_validate(parameters["training"])
        if params.holds_statistics():
            hold_statistics(model)
        trained = fit(model, data, watched, settings, seed, None, checkpoints, training, checkpoints.name)
        history = joined(history, trained)
    write_log(training, history)
    save_clip(model, config, weights)


if __name__ == "__main__":
    run(main, accelerated=True)
