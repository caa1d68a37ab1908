"""Job: adapt the base model to the target by one cell's method."""

import json
from typing import Any

from crossmodal.adaptation import methods
from crossmodal.adaptation.reach import reached_parameters
from crossmodal.jobs.run import Folder, In, Ins, Out, Spec, Timed, run
from crossmodal.models.clip import load_clip
from crossmodal.registry import parse
from crossmodal.torch_setup import prepare_torch
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.batches import load_training_set
from crossmodal.training.history import Epoch, History
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters


def main(
    config: In, weights: In, tower: Ins, train: In, validation: In,
    adapter_config: Out, adapter: Out, card: Timed, training: Timed, checkpoints: Folder, spec: Spec,
) -> None:  # fmt: skip
    values, seed = spec["parameters"], spec["seed"]
    prepare_torch(spec["threads"], seed)
    model = load_clip(config, weights)
    method = parse("adaptation", values["method"])
    methods.attach(model, method, seed)
    counts = methods.parameter_counts(model)
    data = load_training_set(model, [train])
    reached = reached_parameters(model, data.tokens)
    history = fit(
        model, data, load_training_set(model, [validation]),
        TrainingParameters.model_validate(values["training"]), seed,
        AdversaryParameters.model_validate(values["adversary"]) if values["adversary"] else None,
        checkpoints, training, checkpoints.name, hooks=methods.hooks(method),
    )  # fmt: skip
    methods.save_adapter(model, method, adapter_config, adapter)
    facts = {
        "cell": spec["wildcards"]["cell"],
        "seed": spec["wildcards"]["seed"],
        "trainable": sum(reached.values()),
        "trainable_nominal": counts["trainable"],
        "total": counts["total"],
        "share": sum(reached.values()) / counts["total"],
        "towers": {tower: reached[tower] for tower in ("image", "text")},
        "token_embeddings": counts["total_token_embeddings"],
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "seconds": sum(epoch.seconds for epoch in history.epochs),
        "validation": _validation(history.best) if history.best else None,
        "overfitting": _overfitting(history),
    }
    card.write_text(json.dumps(facts, indent=1) + "\n")


def _validation(best: Epoch) -> dict[str, float | None]:
    """Return recall@1 and MRR on the validation split; robust ones are None where none were measured."""
    return {
        "text_to_image": best.validation_text_to_image,
        "image_to_text": best.validation_image_to_text,
        "mrr": best.validation_mrr,
        "robust_text_to_image": best.robust_text_to_image,
        "robust_image_to_text": best.robust_image_to_text,
    }


def _overfitting(history: History) -> dict[str, Any] | None:
    """Return what the attack of training, where it takes one step, did to the robust validation recall."""
    epoch = history.overfitted_epoch or len(history.epochs)
    last = history.epochs[epoch - 1] if epoch else None
    if last is None or last.one_step is None:
        return None
    found = history.overfitted_epoch > 0
    return {"found": found, "epoch": epoch, "several_steps": last.robust, "one_step": last.one_step}


if __name__ == "__main__":
    run(main, accelerated=True)
