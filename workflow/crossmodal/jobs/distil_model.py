"""Job: make a student of another model of the study: inherit weights, then train it beside its frozen teacher."""

import json
from pathlib import Path

from crossmodal.adaptation.reach import reached_parameters
from crossmodal.adaptation.trainable import hold_statistics, tower_of
from crossmodal.errors import UserError
from crossmodal.jobs.run import Folder, In, Ins, Out, Spec, Timed, run
from crossmodal.models import distilled
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import load_clip, save_clip
from crossmodal.models.footprint import size
from crossmodal.registry import load, parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.batches import load_training_set
from crossmodal.training.distillation import distil
from crossmodal.training.settings import TrainingParameters


def main(
    teacher_config: In, teacher_weights: In, adapter: Ins, tower: Ins, text: Ins, train: Ins, validation: Ins,
    config: Out, weights: Out, card: Timed, training: Timed, checkpoints: Folder, spec: Spec,
) -> None:  # fmt: skip
    seed, parameters = spec["seed"], spec["parameters"]
    prepare_torch(spec["threads"], seed)
    params = parse("models", parameters["model"])
    teacher = load_clip(teacher_config, teacher_weights)
    if adapter:
        _adapt(teacher, *adapter)
    folder = text[0].parent.as_posix() if text else None
    student, inherited = distilled.create(params, seed, teacher, folder)
    if params.holds_statistics():
        hold_statistics(student)
    data = load_training_set(student, train)
    reached = reached_parameters(student, data.tokens)
    history = distil(
        student, teacher, data, load_training_set(student, validation) if validation else None,
        params.losses, TrainingParameters.model_validate(parameters["training"]), seed,
        checkpoints, training, checkpoints.name,
    )  # fmt: skip
    save_clip(student, config, weights)
    sizes = {name: size(model)._asdict() for name, model in (("own", student), ("teacher", teacher))}
    tensors = dict(student.named_parameters())
    towers = dict.fromkeys(("image", "text", "joint"), 0)
    for name, tensor in tensors.items():
        towers[tower_of(name)] += tensor.numel()
    facts = {
        "model": spec["wildcards"]["model"],
        "teacher": params.teacher,
        "cell": params.cell,
        "cell_seed": parameters["cell_seed"],
        "parameters": sizes["own"],
        "teacher_parameters": sizes["teacher"],
        "share": {key: sizes["own"][key] / sizes["teacher"][key] for key in sizes["own"]},
        "towers": towers,
        "inherited": sum(tensors[name].numel() for name in inherited if name in tensors),
        "trainable": sum(reached.values()),
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "validation_mrr": history.best.validation_mrr if history.best else None,
        "seconds": sum(epoch.seconds for epoch in history.epochs),
    }
    card.write_text(json.dumps(facts, indent=1) + "\n")


def _adapt(teacher: CLIP, config: Path, weights: Path) -> None:
    """Fold the adapter of a cell into `teacher`; UserError where its method cannot be."""
    # By name: a student of a cell names this module and the method's as roots of its fingerprint, others do not.
    methods = load("adaptation", "methods")
    method = methods.load_adapter(teacher, config, weights)
    if not methods.merges(method):
        raise UserError(
            f"{config}: the method {method.kind} adds modules that no student can inherit from; "
            "the teacher's cell needs a method that can be merged, such as full or lora"
        )
    methods.merge(teacher, method)


if __name__ == "__main__":
    run(main, accelerated=True)
