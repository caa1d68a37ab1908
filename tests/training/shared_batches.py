"""What the tests do in one process and in each of two: `python shared_batches.py RANK STORE FOLDER`."""

import sys
from copy import deepcopy
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CONFIG, make_patterns
from crossmodal.adaptation.hooks import Hooks
from crossmodal.models.alignment_settings import AlignmentParameters
from crossmodal.models.clip import build_clip
from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.registry import load, parse
from crossmodal.training import distributed
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.alignment import align
from crossmodal.training.augmentation import augment
from crossmodal.training.batches import epoch_batches
from crossmodal.training.distillation import distil
from crossmodal.training.gradcache import cached_backward
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import trainable
from crossmodal.training.precision import Precision
from crossmodal.training.settings import AugmentationParameters, TrainingParameters
from crossmodal.training.step import batch_loss, prepare

PAIRS = 5  # which two processes share as 3 and 2
ADVERSARY = AdversaryParameters.model_validate(
    {"images": {"kind": "pgd_images", "steps": 2}, "texts": {"kind": "pgd_texts", "steps": 2}}
)
FARE = AdversaryParameters.model_validate({"objective": "fare", "images": {"kind": "pgd_images", "steps": 2}})


def make_model(method):
    """Return a CLIP that is trained by `method`, away from where its gradients vanish."""
    torch.manual_seed(0)
    model = build_clip(CONFIG)
    if method == "lora":
        params = parse("adaptation", {"kind": "lora", "rank": 2})
        load("adaptation", "lora").attach(model, params, torch.Generator().manual_seed(0))
        for parameter in trainable(model).values():
            torch.nn.init.normal_(parameter, std=0.05)
    return model.train()


def batch_of(part=0, parts=1):
    """Return the pixels and the part of a batch of `PAIRS` pairs."""
    batch = next(epoch_batches(make_patterns(), PAIRS, torch.Generator().manual_seed(3), part, parts))
    assert batch.pairs == PAIRS
    generator = torch.Generator().manual_seed(4)
    pixels = augment(batch.images, AugmentationParameters(), generator, batch.first, batch.pairs)
    return pixels, batch


def attacked(model, params, part, parts):
    """Return the tokens and the attacked batch of one part, each with draws of its own."""
    pixels, batch = batch_of(part, parts)
    generator = torch.Generator().manual_seed(50 + part)
    adversary = make_adversary(model, params, batch.tokens)
    return batch, adversary.prepare(model, pixels, batch.tokens, batch.labels, generator, 1.0)


def gradients(model, loss):
    """Return the loss and every gradient by name."""
    found = {name: p.grad.clone() for name, p in trainable(model).items() if p.grad is not None}
    return {"loss": loss.detach().reshape(1), **found}


def step_gradients(method, chunk=None, adversary=None):
    """Return loss and gradients of this process's part of the batch, after the exchange with the others."""
    model, part, parts = make_model(method), distributed.rank(), distributed.count()
    if adversary is None:
        pixels, batch = batch_of(part, parts)
        prepared = prepare(pixels, batch.labels)
    else:
        batch, prepared = attacked(model, adversary, part, parts)
    if chunk is None:
        loss = batch_loss(model, prepared, batch.tokens)
        loss.backward()
    else:
        loss = cached_backward(model, prepared, batch.tokens, chunk, Precision("off", "cpu"))
    distributed.average_gradients(trainable(model).values())
    return gradients(model, loss)


def run(folder, method="full", epochs=2, after_epoch=None, processes=1, **changes):
    """Return the weights after `fit`."""
    model = make_model(method)
    settings = TrainingParameters.model_validate(
        {"epochs": epochs, "batch_size": PAIRS, "learning_rate": 1e-3, "processes": processes} | changes
    )
    hooks = Hooks(lambda model: 1e-3 * sum(p.square().sum() for p in trainable(model).values()))
    fit(
        model, make_patterns(), make_patterns(1), settings, 0, None, folder / "checkpoints",
        folder / "log.csv", "job", after_epoch, hooks,
    )  # fmt: skip
    return {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}


def run_alignment(folder):
    """Return the weights after `align`."""
    model = make_model("full")
    settings = AlignmentParameters(epochs=3, batch_size=PAIRS, learning_rate=1e-2)
    align(model, make_patterns(), make_patterns(1), settings, 0, folder / "kept", folder / "log.csv")
    return {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}


def run_distillation(folder, processes=1):
    """Return the weights after `distil`, of a student whose embeddings are of another width than its teacher's."""
    student, config = make_model("full"), deepcopy(CONFIG)
    config["model_cfg"]["embed_dim"] = 16
    torch.manual_seed(1)
    distil(
        student, build_clip(config), make_patterns(), make_patterns(1), DistillationParameters(feature=20.0),
        TrainingParameters(epochs=2, batch_size=PAIRS, processes=processes), 0,
        folder / "checkpoints", folder / "log.csv", "job",
    )  # fmt: skip
    return {name: tensor.contiguous().clone() for name, tensor in student.state_dict().items()}


class Cut(Exception):
    """Stands for whatever ends a job."""


def cut(_epoch):
    raise Cut


def main(rank, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    cases = {
        "full": step_gradients("full"),
        "lora": step_gradients("lora"),
        "full-chunk": step_gradients("full", chunk=2),
        "lora-chunk": step_gradients("lora", chunk=2),
        "attacked": step_gradients("full", adversary=ADVERSARY),
        "fare-chunk": step_gradients("full", chunk=2, adversary=FARE),
        "aligned": run_alignment(folder / "aligned"),
        "distilled": run_distillation(folder / "distilled", processes=2),
        "fit": run(folder / "fit", processes=2),
        "fit-lora": run(folder / "fit-lora", "lora", processes=2, gradient_accumulation=2, forward_chunk=2),
    }
    try:
        run(folder / "cut", processes=2, after_epoch=cut)
    except Cut:
        dist.barrier()
        cases["resumed"] = run(folder / "cut", processes=2)
    for name, tensors in cases.items():
        save_file(tensors, folder / f"{name}-{rank}.safetensors")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
