"""How fast the training loop is: `make bench-training` prints two ratios and fills docs/performance.md.

Needs the base model of the finished default study, and takes some minutes on an otherwise idle machine. One
process, one thread, float32, random images and captions in memory. What is compared takes turns, so that a slow
minute of the machine slows both; a ratio is of neighbours.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter
from types import SimpleNamespace

import torch
from open_clip.loss import ClipLoss
from open_clip_train.scheduler import cosine_lr
from open_clip_train.train import train_one_epoch
from performance_page import fill_page

from crossmodal.attacks.context import frozen
from crossmodal.errors import UserError
from crossmodal.models.clip import image_size, load_clip, tokenize
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.models.loss import contrastive_loss
from crossmodal.study.configuration import read_yaml
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.batches import TrainingSet
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.trainer import Trainer

PARAMS = read_yaml(Path("params.yaml"))
MODEL = Path("results", PARAMS["study"], "models", next(iter(PARAMS["models"])))
BATCH = 128
BATCHES = 8
STEPS = 7
WORDS = (
    "red",
    "heart",
    "with",
    "an",
    "arrow",
    "woman",
    "riding",
    "bicycle",
    "flag",
    "of",
    "cloud",
    "octopus",
)
LONGEST = 10
SETTINGS = {"learning_rate": 1e-3, "weight_decay": 0.1, "max_gradient_norm": 1.0}


def make_model():
    return load_clip(MODEL / "open_clip_config.json", MODEL / "open_clip_model.safetensors")


def make_data(model, pairs: int) -> TrainingSet:
    """Return random images and captions of 1 to 10 words, one an image, each pair with a label of its own."""
    generator = torch.Generator().manual_seed(0)
    size, draw = image_size(model), Random(0)
    images = torch.randint(256, (pairs, size, size, 3), generator=generator, dtype=torch.uint8)
    captions = [" ".join(draw.choices(WORDS, k=draw.randint(1, LONGEST))) for _ in range(pairs)]
    tokens = tokenize(model, captions).to(torch.int32)
    return TrainingSet(images, tokens, torch.arange(pairs), torch.arange(pairs))


def our_epoch(pairs: int, adversary: AdversaryParameters | None = None) -> Callable[[], float]:
    """Return a function that trains for an epoch with our loop and says how long it took, s."""
    model = make_model()
    settings = TrainingParameters(
        epochs=100, batch_size=BATCH, augmentation=None, warmup_share=0.0, mixed_precision="off", **SETTINGS
    )
    trainer = Trainer(model, make_data(model, pairs), settings, 0, "cpu", adversary)
    epochs = iter(range(1, 101))
    return lambda: trainer.train_epoch(next(epochs)).seconds


class _Loader:
    """Batches as open_clip's loop takes them, made beforehand."""

    def __init__(self, model, data: TrainingSet) -> None:
        pixels = (to_pixels(data.images) - model.pixel_mean) / model.pixel_std
        self.batches = list(zip(pixels.split(BATCH), data.tokens.long().split(BATCH), strict=True))
        self.num_batches, self.num_samples = len(self.batches), len(data)

    def __iter__(self):
        return iter(self.batches)


def their_epoch(pairs: int) -> Callable[[], float]:
    """Return the same for open_clip's loop, with the optimiser and the schedule of its main program."""
    model = make_model()
    model.output_dict = True
    loader = _Loader(model, make_data(model, pairs))
    data = {"train": SimpleNamespace(dataloader=loader, set_epoch=lambda epoch: None)}
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": others, "weight_decay": 0.0}, {"params": decayed, "weight_decay": SETTINGS["weight_decay"]}],
        lr=SETTINGS["learning_rate"], betas=(0.9, 0.98), eps=1e-6,
    )  # fmt: skip
    schedule = cosine_lr(optimiser, SETTINGS["learning_rate"], 0, 100 * loader.num_batches)
    arguments = SimpleNamespace(
        device="cpu", precision="fp32", distill=False, accum_freq=1, skip_scheduler=False, horovod=False,
        grad_clip_norm=SETTINGS["max_gradient_norm"], rank=0, world_size=1, distributed=False,
        log_every_n_steps=100, batch_size=BATCH, wandb=False,
    )  # fmt: skip
    epochs = iter(range(100))

    def run() -> float:
        began = perf_counter()
        train_one_epoch(
            model, data, ClipLoss(), next(epochs), optimiser, None, schedule, None, arguments
        )  # fmt: skip
        return perf_counter() - began

    return run


def attack_pass(pairs: int) -> Callable[[], float]:
    """Return a function that goes forward and backward to the pixels once for each batch, as an attack must."""
    model = make_model()
    data = make_data(model, pairs)
    pixels, tokens, labels = to_pixels(data.images), data.tokens.long(), data.labels

    def run() -> float:
        taken = 0.0
        with frozen(model):
            for rows in torch.arange(pairs).split(BATCH):
                with torch.no_grad():
                    texts = encode_texts(model, tokens[rows])
                began = perf_counter()
                changed = pixels[rows].requires_grad_(True)
                loss = contrastive_loss(
                    encode_images(model, changed), texts, labels[rows], logit_scale(model)
                )
                torch.autograd.grad(loss, changed)
                taken += perf_counter() - began
        return taken

    return run


def take_turns(runs: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Return the times of each of `runs`, s, after one to warm up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            taken = run()
            if repeat:
                times[name].append(taken)
    return times


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f}, {max(values):,.{digits}f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--dry-run", action="store_true", help="print only, leave docs/performance.md as it is"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = BATCH * BATCHES
    pgd = AdversaryParameters.model_validate(
        {"images": {"kind": "pgd_images", "epsilon": "8/255", "steps": STEPS}, "clean_share": 0.0}
    )
    loops = take_turns({"ours": our_epoch(pairs), "open_clip": their_epoch(pairs)}, options.repeats)
    few = pairs // 4
    attacks = take_turns(
        {"attacked": our_epoch(few, pgd), "pass": attack_pass(few), "plain": our_epoch(few)}, options.repeats
    )
    speeds = {name: [pairs / seconds for seconds in times] for name, times in loops.items()}
    loop_ratio = [theirs / ours for ours, theirs in zip(loops["ours"], loops["open_clip"], strict=True)]
    pgd_ratio = [
        attacked / (STEPS * once + plain)
        for attacked, once, plain in zip(
            *(attacks[name] for name in ("attacked", "pass", "plain")), strict=True
        )
    ]
    rows = [
        ("pairs/s, this loop", spread(speeds["ours"], 0)),
        ("pairs/s, `open_clip_train.train.train_one_epoch`", spread(speeds["open_clip"], 0)),
        ("ratio of the two", spread(loop_ratio, 3)),
        (
            f"step with {STEPS}-step PGD on all images / ({STEPS} passes of the attack + plain step)",
            spread(pgd_ratio, 3),
        ),
    ]
    table = "\n".join(["| | median [lowest, highest] |", "|---|---:|", *(f"| {a} | {b} |" for a, b in rows)])
    print(json.dumps({"loops": loops, "attacks": attacks}, indent=1))
    print(table)
    if not options.dry_run:
        fill_page({"training": table})


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
