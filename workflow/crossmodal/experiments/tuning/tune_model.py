"""Job: adapt a family's cell at one learning rate and keep what validation says; its weights are dropped."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from crossmodal.adaptation import methods
from crossmodal.jobs.run import Folder, In, Ins, Out, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.registry import parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.batches import load_training_set
from crossmodal.training.history import History
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.trainer import Diverged


def main(
    config: In,
    weights: In,
    tower: Ins,
    train: In,
    validation: In,
    record: Out,
    checkpoints: Folder,
    spec: Spec,
) -> None:
    values, wildcards = spec["parameters"], spec["wildcards"]
    settings = TrainingParameters.model_validate(values["training"])
    prepare_torch(spec["threads"], spec["seed"])
    model = load_clip(config, weights)
    method = parse("adaptation", values["method"])
    methods.attach(model, method, spec["seed"])
    sets = load_training_set(model, [train]), load_training_set(model, [validation])
    history, diverged = History(), False
    with TemporaryDirectory() as folder:
        try:
            history = fit(
                model, *sets, settings, spec["seed"], None, checkpoints, Path(folder, "training.csv"),
                checkpoints.name, hooks=methods.hooks(method),
            )  # fmt: skip
        except Diverged as error:
            # A rate that is too high is a result of the search, and no failure of it.
            print(error, file=sys.stderr)
            diverged = True
    best = history.best
    facts = {
        "family": wildcards["family"],
        "rate": wildcards["rate"],
        "learning_rate": settings.learning_rate,
        "seed": spec["seed"],
        "dataset": values["dataset"],
        "diverged": diverged,
        "best_epoch": history.best_epoch if best else None,
        "mrr": best.validation_mrr if best else None,
        "epochs": [{"epoch": epoch.epoch, "mrr": epoch.validation_mrr} for epoch in history.rows],
    }
    record.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    run(main, accelerated=True)
