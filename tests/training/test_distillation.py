"""A student beside its teacher: what is trained and exponentiated, and that an interruption changes no bit."""

import math
import os
import signal
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from crossmodal.errors import UserError
from crossmodal.models.clip import build_clip
from crossmodal.models.distillation_settings import DistillationParameters
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.training import distillation
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.distillation import distil
from crossmodal.training.distillation_losses import Embedded, distillation_loss
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.teaching import START, Bridge, Teacher

EPOCHS = 3
CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "patch_size": 4, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}
LOSSES = DistillationParameters(feature=20.0)


class Cut(Exception):
    """Stands for whatever ends a job."""


def cut_after(number):
    def cut(epoch):
        if epoch.epoch == number:
            raise Cut

    return cut


def models(seed=0, width=32):
    """Return a student with embeddings of `width`, and its teacher, of width 32 and one layer more."""
    configs = deepcopy(CONFIG), deepcopy(CONFIG)
    configs[0]["model_cfg"]["embed_dim"] = width
    configs[1]["model_cfg"]["vision_cfg"]["layers"] = 2
    found = []
    for i, config in enumerate(configs):
        torch.manual_seed(seed + i)
        found.append(build_clip(config))
    return found


def train(
    pair, folder, patterns, after_epoch=None, losses=LOSSES, validation=True, identity="job", **changes
):
    settings = TrainingParameters.model_validate(
        {"epochs": EPOCHS, "batch_size": 8, "learning_rate": 3e-3} | changes
    )
    return distil(
        *pair, patterns(), patterns(1) if validation else None, losses, settings, 0,
        folder / "checkpoints", folder / "log.csv", identity, after_epoch,
    )  # fmt: skip


def batch(patterns):
    data = patterns()
    return to_pixels(data.images[:6]), data.tokens[:12:2].long(), data.labels[:6]


def loss_of(pair, bridge, losses, patterns):
    """Return the loss of a batch as a training step takes it."""
    student, teacher = pair
    pixels, tokens, labels = batch(patterns)
    prepared = Teacher(teacher.eval(), bridge, losses).prepare(
        student, pixels, tokens, labels, torch.Generator(), 0.0
    )
    assert prepared.pixels is pixels and prepared.delta is None
    return prepared.loss(encode_images(student, pixels), encode_texts(student, tokens), logit_scale(student))


@pytest.mark.parametrize("width", [32, 16])
def test_a_step_has_the_loss_of_the_papers(patterns, width) -> None:
    """Every scale is exponentiated: the student's, the teacher's and the one between the two."""
    student, teacher = models(width=width)
    bridge = Bridge(student, teacher, 0)
    pixels, tokens, labels = batch(patterns)
    with torch.no_grad():
        student.logit_scale.fill_(math.log(12))
        teacher.logit_scale.fill_(math.log(34))
        own, target = (
            Embedded(encode_images(model, pixels), encode_texts(model, tokens), scale)
            for model, scale in ((student, 12.0), (teacher, 34.0))
        )
        mapped = own._replace(scale=1 / 0.07)
        if width != 32:
            images, texts = (
                x @ layer.weight.T for x, layer in ((own[0], bridge.image), (own[1], bridge.text))
            )
            mapped = Embedded(
                images / images.norm(dim=1, keepdim=True), texts / texts.norm(dim=1, keepdim=True), 1 / 0.07
            )
        expected = distillation_loss(own, mapped, target, labels, LOSSES)
        found = loss_of((student, teacher), bridge, LOSSES, patterns)
    assert math.log(1 / 0.07) == START
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


def test_the_scale_between_the_two_is_at_most_100() -> None:
    bridge = Bridge(*models(), 0)
    with torch.no_grad():
        bridge.cross_scale.fill_(9.0)
        scale = bridge(torch.ones(1, 32), torch.ones(1, 32)).scale
    assert float(scale) == pytest.approx(100, rel=1e-4)


def test_a_bridge_follows_from_its_seed() -> None:
    pair, before = models(width=16), torch.random.get_rng_state()
    a, b, c = (Bridge(*pair, seed).image.weight for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert a.shape == (32, 16) and torch.allclose(a.T @ a, torch.eye(16), atol=1e-5)


def test_a_student_that_is_its_teacher_has_nothing_to_learn_of_features(patterns) -> None:
    teacher = models()[1]
    student = deepcopy(teacher)
    loss = loss_of((student, teacher), Bridge(student, teacher, 0), DistillationParameters(
        task=0.0, feature=2000.0, interactive=0.0, affinity=0.0
    ), patterns)  # fmt: skip
    # Not to the bit: torch computes attention otherwise where nothing asks for a gradient.
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("width", [32, 16])
def test_the_student_moves_towards_its_teacher_which_stays(tmp_path, patterns, width) -> None:
    pair = models(width=width)
    student, teacher = pair
    before, keys = fingerprint(teacher.state_dict()), list(student.state_dict())
    history = train(pair, tmp_path, patterns, validation=False, epochs=8)
    assert history.epochs[-1].loss < history.epochs[0].loss and history.best_epoch == 8
    assert fingerprint(teacher.state_dict()) == before and not teacher.training
    assert list(student.state_dict()) == keys and not student.training, "the bridge is not kept"
    assert all(parameter.grad is None for model in pair for parameter in model.parameters())


@pytest.mark.parametrize("width", [32, 16])
@pytest.mark.parametrize("number", [1, EPOCHS])
def test_a_run_that_was_cut_off_continues_to_the_same_bits(tmp_path, patterns, width, number) -> None:
    whole, cut = models(width=width), models(width=width)
    expected = train(whole, tmp_path / "whole", patterns)
    with pytest.raises(Cut):
        train(cut, tmp_path / "cut", patterns, cut_after(number))
    resumed, epochs = models(width=width), []
    history = train(resumed, tmp_path / "cut", patterns, lambda epoch: epochs.append(epoch.epoch))
    assert epochs == list(range(number + 1, EPOCHS + 1))
    assert fingerprint(resumed[0].state_dict()) == fingerprint(whole[0].state_dict())
    assert [e.loss for e in history.epochs] == [e.loss for e in expected.epochs]
    assert history.best_epoch == expected.best_epoch and history.start.validation_mrr


def test_a_run_that_was_killed_continues_to_the_same_bits(tmp_path, patterns) -> None:
    whole = models()
    train(whole, tmp_path / "whole", patterns)
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import conftest, test_distillation, torch
from pathlib import Path
torch.set_num_threads(1)
def kill(epoch):
    if epoch.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
test_distillation.train(
    test_distillation.models(), Path({str(tmp_path / "killed")!r}), conftest.make_patterns, kill
)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pair, epochs = models(), []
    train(pair, tmp_path / "killed", patterns, lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [3] and fingerprint(pair[0].state_dict()) == fingerprint(whole[0].state_dict())


def test_sigterm_ends_it_between_two_steps(tmp_path, patterns) -> None:
    def terminate(epoch):
        if epoch.epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    pair = models()
    with pytest.raises(UserError, match="ended by SIGTERM after epoch 1, run again to go on"):
        train(pair, tmp_path, patterns, terminate)
    assert not hasattr(pair[0], distillation.BRIDGE)


def test_a_checkpoint_of_another_teacher_is_not_used(tmp_path, patterns, capsys) -> None:
    with pytest.raises(Cut):
        train(models(), tmp_path, patterns, cut_after(1))
    student, other, epochs = models()[0], models(seed=5)[1], []
    train((student, other), tmp_path, patterns, lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [1, 2, 3] and "other weights or data, not used" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"another job \(job, this one is job-2\)"):
        train(models(), tmp_path, patterns, identity="job-2")


def test_the_gradient_of_a_large_batch_in_the_memory_of_a_small_one(tmp_path, patterns) -> None:
    """A step in chunks is the step as a whole but for the order of sums."""
    pairs = [models(width=16), models(width=16)]
    for i, pair in enumerate(pairs):
        train(pair, tmp_path / str(i), patterns, validation=False, epochs=1, forward_chunk=3 if i else None)
    whole, parts = (pair[0].state_dict() for pair in pairs)
    assert all(torch.allclose(whole[name], parts[name], atol=2e-3) for name in whole)


def test_the_best_epoch_on_validation_data_is_the_result(tmp_path, patterns) -> None:
    """The student before training is one of the candidates."""
    pair = models()
    start = fingerprint(pair[0].state_dict())
    history = train(
        pair, tmp_path, patterns, learning_rate=1e-12, weight_decay=0.0, early_stopping_patience=1
    )
    scores = [(epoch.validation_mrr, -epoch.validation_loss) for epoch in history.rows]
    assert history.best_epoch == max(range(len(scores)), key=lambda i: scores[i])
    assert history.best_epoch or fingerprint(pair[0].state_dict()) == start


def test_what_is_not_offered_is_refused(tmp_path, patterns) -> None:
    with pytest.raises(UserError, match="activation_checkpointing is not offered; use forward_chunk"):
        train(models(), tmp_path, patterns, activation_checkpointing=True)
