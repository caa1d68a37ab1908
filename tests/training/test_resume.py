"""A run that was cut off ends with the same bits as one that was not."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from crossmodal.errors import UserError
from crossmodal.registry import load, parse
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.checkpoint import (
    discard_checkpoints,
    fingerprint,
    load_checkpoint,
    model_state,
    set_model_state,
)
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters

EPOCHS = 4


class Cut(Exception):
    """Stands for whatever ends a job."""


def cut_after(number):
    def cut(epoch):
        if epoch.epoch == number:
            raise Cut

    return cut


def train(model, folder, patterns, after_epoch=None, identity="job", **changes):
    settings = TrainingParameters(
        epochs=EPOCHS, batch_size=8, learning_rate=3e-3, gradient_accumulation=2, **changes
    )
    adversary = AdversaryParameters.model_validate({"images": {"kind": "pgd_images", "steps": 1}})
    return fit(
        model, patterns(), patterns(1), settings, 0, adversary,
        folder / "checkpoints", folder / "log.csv", identity, after_epoch,
    )  # fmt: skip


@pytest.fixture
def whole(tmp_path, tiny_clip, patterns):
    """Return the weights' digest and the history of an uninterrupted run."""
    model = tiny_clip()
    history = train(model, tmp_path / "whole", patterns)
    return fingerprint(model.state_dict()), history


def facts(history):
    """Return what of a history does not depend on the clock."""
    return [(e.epoch, e.steps, e.loss, e.validation_loss, e.learning_rate) for e in history.epochs]


@pytest.mark.parametrize("number", [1, 3, EPOCHS])
def test_continues_after_an_exception(tmp_path, tiny_clip, patterns, whole, number):
    with pytest.raises(Cut):
        train(tiny_clip(), tmp_path / "cut", patterns, cut_after(number))
    model, epochs = tiny_clip(), []
    history = train(model, tmp_path / "cut", patterns, lambda epoch: epochs.append(epoch.epoch))
    assert epochs == list(range(number + 1, EPOCHS + 1))
    assert fingerprint(model.state_dict()) == whole[0]
    assert facts(history) == facts(whole[1]) and history.best_epoch == whole[1].best_epoch
    assert len((tmp_path / "cut" / "log.csv").read_text().splitlines()) == EPOCHS + 1


@pytest.mark.parametrize("number", [1, 3, EPOCHS])
def test_a_run_whose_start_is_best_continues_and_returns_it(tmp_path, tiny_clip, patterns, number):
    """The start's weights are in the checkpoint; what validation said of them is not measured again."""

    def spoilt(folder, after_epoch=None):
        model = tiny_clip()
        settings = TrainingParameters(epochs=EPOCHS, batch_size=8, learning_rate=30.0, warmup_share=0.0)
        other = patterns(1)
        watched = replace(
            other, labels=other.labels[torch.randperm(24, generator=torch.Generator().manual_seed(0))]
        )
        paths = folder / "checkpoints", folder / "log.csv", "job"
        return model, fit(model, patterns(), watched, settings, 0, None, *paths, after_epoch)

    whole, expected = spoilt(tmp_path / "whole")
    with pytest.raises(Cut):
        spoilt(tmp_path / "cut", cut_after(number))
    saved = load_newest(tmp_path / "cut" / "checkpoints")
    resumed, history = spoilt(tmp_path / "cut")
    assert expected.best_epoch == history.best_epoch == saved["best_epoch"] == 0
    assert history.start == expected.start and facts(history) == facts(expected)
    assert fingerprint(resumed.state_dict()) == fingerprint(whole.state_dict())
    assert fingerprint(whole.state_dict()) == fingerprint(tiny_clip().state_dict())
    assert len((tmp_path / "cut" / "log.csv").read_text().splitlines()) == EPOCHS + 2


def load_newest(folder):
    """Return the history in the newest checkpoint."""
    with safe_open(max(folder.iterdir()), framework="pt") as file:
        return json.loads(file.metadata()["crossmodal"])["history"]


@pytest.mark.slow
def test_continues_after_sigkill(tmp_path, tiny_clip, patterns, whole):
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import conftest, test_resume, torch
from pathlib import Path
torch.set_num_threads(1)
torch.manual_seed(0)
model = conftest.build_clip(conftest.CONFIG)
def kill(epoch):
    if epoch.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
test_resume.train(model, Path({str(tmp_path / "killed")!r}), conftest.make_patterns, kill)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    model = tiny_clip()
    train(model, tmp_path / "killed", patterns)
    assert fingerprint(model.state_dict()) == whole[0]


def test_an_adapted_model_continues(tmp_path, tiny_clip, patterns):
    digests = []
    for name, number in (("whole", None), ("cut", 2)):
        for attempt in range(2 if number else 1):
            model = tiny_clip()
            params = parse("adaptation", {"kind": "lora", "rank": 2})
            load("adaptation", "lora").attach(model, params, torch.Generator().manual_seed(0))
            if number and not attempt:
                with pytest.raises(Cut):
                    train(model, tmp_path / name, patterns, cut_after(number))
            else:
                train(model, tmp_path / name, patterns)
        digests.append(fingerprint(model.state_dict()))
    assert digests[0] == digests[1]


def test_a_convolutional_tower_continues(tmp_path, tiny_clip, patterns):
    """The optimiser's moments lie in memory as the channels-last weights do, also when they come from a file."""
    digests = []
    for name, number in (("whole", None), ("cut", 2)):
        for attempt in range(2 if number else 1):
            model = tiny_clip(timm_model_name="test_efficientnet")
            assert not model.visual.trunk.conv_stem.weight.is_contiguous()
            if number and not attempt:
                with pytest.raises(Cut):
                    train(model, tmp_path / name, patterns, cut_after(number))
            else:
                train(model, tmp_path / name, patterns)
        digests.append(fingerprint(model.state_dict()))
    assert digests[0] == digests[1]


def test_a_truncated_checkpoint_costs_an_epoch(tmp_path, tiny_clip, patterns, whole, capsys):
    with pytest.raises(Cut):
        train(tiny_clip(), tmp_path, patterns, cut_after(3))
    newest = tmp_path / "checkpoints" / "epoch-00003.safetensors"
    os.truncate(newest, newest.stat().st_size // 2)
    model, epochs = tiny_clip(), []
    train(model, tmp_path, patterns, lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [3, 4] and fingerprint(model.state_dict()) == whole[0]
    assert "epoch-00003.safetensors: damaged" in capsys.readouterr().err


def test_a_file_that_is_no_checkpoint_is_passed_over(tmp_path, tiny_clip, patterns, whole, capsys):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "epoch-00009.safetensors").write_bytes(b"")
    model = tiny_clip()
    train(model, tmp_path, patterns)
    assert fingerprint(model.state_dict()) == whole[0]
    assert "epoch-00009.safetensors: damaged" in capsys.readouterr().err


def test_a_checkpoint_of_another_job_is_refused(tmp_path, tiny_clip, patterns):
    with pytest.raises(Cut):
        train(tiny_clip(), tmp_path, patterns, cut_after(1))
    with pytest.raises(UserError, match=r"another job \(job, this one is cell-2\)"):
        train(tiny_clip(), tmp_path, patterns, identity="cell-2")


def test_a_checkpoint_from_other_weights_is_not_used(tmp_path, tiny_clip, patterns, capsys):
    with pytest.raises(Cut):
        train(tiny_clip(), tmp_path, patterns, cut_after(2))
    resumed, fresh = tiny_clip(seed=1), tiny_clip(seed=1)
    train(resumed, tmp_path, patterns)
    assert "other weights or data, not used" in capsys.readouterr().err
    train(fresh, tmp_path / "fresh", patterns)
    assert fingerprint(resumed.state_dict()) == fingerprint(fresh.state_dict())


def test_the_last_two_are_kept_until_they_are_discarded(tmp_path, tiny_clip, patterns):
    train(tiny_clip(), tmp_path, patterns)
    folder = tmp_path / "checkpoints"
    assert sorted(p.name for p in folder.iterdir()) == [f"epoch-0000{n}.safetensors" for n in (3, 4)]
    discard_checkpoints(folder)
    assert not folder.exists()
    discard_checkpoints(folder)
    assert load_checkpoint(folder, "job", "start") is None


def test_running_statistics_are_part_of_the_state():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    model.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model_state(model).items()}
    assert set(before) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    model(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)))
    set_model_state(model, before)
    assert fingerprint(model_state(model)) == fingerprint(before)
    with pytest.raises(KeyError):
        set_model_state(model, {})
