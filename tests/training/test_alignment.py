"""Alignment on cached features equals training the projections of a frozen model the long way."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crossmodal.adaptation.trainable import hold_statistics
from crossmodal.errors import UserError
from crossmodal.models.alignment_settings import AlignmentParameters
from crossmodal.models.projections import projection, without
from crossmodal.training.alignment import align
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.history import Epoch, History, joined, validation_score
from crossmodal.training.loop import fit
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.validation import validate

SETTINGS = AlignmentParameters(epochs=5, batch_size=10, learning_rate=1e-2, weight_decay=0.1)
KINDS = ("clip", "cnn", "bert")


def aligned(model, data, folder, validation=None, seed=0, **changes):
    settings = SETTINGS.model_copy(update=changes)
    return align(model, data, validation, settings, seed, folder / "kept", folder / "log.csv")


def ends(model):
    found = [p for tower in ("image", "text") for p in projection(model, tower).parameters()]
    return [p.detach().clone() for p in [*found, model.logit_scale]]


@pytest.mark.parametrize("kind", KINDS)
def test_equals_training_with_frozen_towers(build, patterns, tmp_path: Path, kind) -> None:
    """The whole model forward on each batch: the same batches, steps, losses and validation results."""
    fast, slow = build(kind), build(kind)
    history = aligned(fast, patterns(), tmp_path, patterns(1))
    slow.requires_grad_(False)
    hold_statistics(slow)
    for parameter in (*projection(slow, "image").parameters(), *projection(slow, "text").parameters()):
        parameter.requires_grad_(True)
    slow.logit_scale.requires_grad_(True)
    settings = TrainingParameters(
        epochs=SETTINGS.epochs, batch_size=SETTINGS.batch_size, learning_rate=SETTINGS.learning_rate,
        weight_decay=SETTINGS.weight_decay, warmup_share=SETTINGS.warmup_share,
        augmentation=None, max_gradient_norm=None,
    )  # fmt: skip
    folders = tmp_path / "checkpoints", tmp_path / "slow.csv"
    expected = fit(slow, patterns(), None, settings, 0, None, *folders, "job")
    for ours, theirs in zip(ends(fast), ends(slow), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    before = build(kind)
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(ends(fast), ends(before), strict=True))
    assert len(history.epochs) == 5
    for ours, theirs in zip(history.epochs, expected.epochs, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, abs=1e-5)
        assert (ours.steps, ours.learning_rate) == (theirs.steps, theirs.learning_rate)
    measured = validate(fast, patterns(1), "cpu")
    last = history.epochs[-1]
    assert last.validation_loss == pytest.approx(measured.loss, abs=1e-5)
    assert last.validation_text_to_image == measured.text_to_image
    assert last.validation_image_to_text == measured.image_to_text
    assert last.validation_mrr == pytest.approx(measured.mrr, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_towers_stay_as_they_are(build, patterns, tmp_path: Path, kind) -> None:
    model, before = build(kind), build(kind)
    aligned(model, patterns(), tmp_path)
    changed = {n for n, t in model.state_dict().items() if not torch.equal(t, before.state_dict()[n])}
    names = {
        "clip": {"visual.proj", "text_projection"},
        "cnn": {"visual.head.proj.weight", "text.text_projection"},
        "bert": {"visual.head.proj.weight", "text.proj.weight"},
    }
    assert changed == names[kind] | {"logit_scale"}
    assert not model.training and all(p.grad is None for p in model.parameters())


def test_a_seed_is_a_result(build, patterns, tmp_path: Path) -> None:
    digests = []
    for name, seed, noise in (("a", 0, 1), ("b", 0, 2), ("c", 1, 1)):
        model = build("cnn")
        torch.manual_seed(noise)  # the global state must not matter
        state = torch.get_rng_state()
        aligned(model, patterns(), tmp_path / name, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        digests.append(fingerprint(model.state_dict()))
    assert digests[0] == digests[1] != digests[2]


def test_a_job_that_was_cut_off_does_not_encode_again(build, patterns, tmp_path: Path, calls) -> None:
    first = build("cnn")
    aligned(first, patterns(), tmp_path, patterns(1))
    assert (
        calls.count("image_features") == calls.count("text_features") + 1 == 2
    )  # both sets have one's captions
    done = len(calls)
    again = build("cnn")
    aligned(again, patterns(), tmp_path, patterns(1))
    assert len(calls) == done
    assert fingerprint(again.state_dict()) == fingerprint(first.state_dict())
    aligned(build("cnn"), patterns(2), tmp_path)  # other images, equal captions
    assert calls[done:] == ["image_features"]
    other = build("cnn")
    with torch.no_grad():
        other.visual.trunk.conv_stem.weight.mul_(2)
        other.visual.head.proj.weight.mul_(2)
    aligned(other, patterns(), tmp_path)
    assert calls[done + 1 :] == ["image_features"]


def test_learns_and_logs(build, patterns, tmp_path: Path) -> None:
    history = aligned(build("clip"), patterns(), tmp_path, patterns(1), epochs=30)
    assert history.epochs[-1].loss < history.epochs[0].loss - 0.8
    assert history.epochs[-1].validation_text_to_image > history.epochs[0].validation_text_to_image + 0.2
    assert history.best_epoch == 30
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 31))
    assert float(rows[-1]["validation_loss"]) == history.epochs[-1].validation_loss


def test_the_best_epoch_only_where_it_is_asked_for(build, patterns, tmp_path: Path) -> None:
    last, best = build("clip"), build("clip")
    watched = replace(patterns(1), labels=patterns(1).labels.flip(0))  # labels that training does not know
    histories = [
        aligned(model, patterns(), tmp_path, watched, epochs=12, result=result)
        for model, result in ((last, "last"), (best, "best"))
    ]
    scores = [validation_score(epoch) for epoch in histories[1].epochs]
    assert histories[0].best_epoch == 12 and histories[1].best_epoch == scores.index(max(scores)) + 1 < 12
    assert validate(best, watched, "cpu").loss == pytest.approx(-max(scores)[1], abs=1e-5)
    assert fingerprint(last.state_dict()) != fingerprint(best.state_dict())
    unwatched = build("clip")
    assert aligned(unwatched, patterns(), tmp_path, epochs=12, result="best").best_epoch == 12
    assert fingerprint(unwatched.state_dict()) == fingerprint(last.state_dict())


def test_a_projection_that_is_no_linear_map_is_one_line(build, patterns, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the text tower does not end in a linear projection"):
        aligned(build("bert", hf_proj_type="mlp"), patterns(), tmp_path)


def test_a_loss_that_is_not_finite_is_one_line(build, patterns, tmp_path: Path) -> None:
    model = build("cnn")
    with torch.no_grad():
        model.visual.head.proj.weight.fill_(torch.nan)
    with pytest.raises(UserError, match=r"alignment: the loss is nan at step 1 \(epoch 1\)"):
        aligned(model, patterns(), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_projections_are_put_back(build, kind) -> None:
    model = build(kind)
    before = fingerprint(model.state_dict())
    with pytest.raises(RuntimeError), without(projection(model, "image"), projection(model, "text")):
        assert len(model.state_dict()) == len(build(kind).state_dict()) - 2
        raise RuntimeError
    assert fingerprint(model.state_dict()) == before


def test_two_runs_are_one_record() -> None:
    def run(epochs, steps, best=0):
        made = [Epoch(i + 1, (i + 1) * steps, 1.0, None, None, None, 0.1, 1.0, 1.0) for i in range(epochs)]
        return History(made, best)

    both = joined(run(2, 3, 2), run(3, 5, 1))
    assert [(e.epoch, e.steps) for e in both.epochs] == [(1, 3), (2, 6), (3, 11), (4, 16), (5, 21)]
    assert both.best_epoch == 3
    unmoved = replace(run(3, 5), start=Epoch(0, 0, None, 1.0, None, None, 0.0, 0.0, 0.0))
    assert joined(run(2, 3, 2), unmoved).best_epoch == 2 and joined(run(2, 3, 2), unmoved).start is None
    assert joined(History(), run(2, 3, 2)) == run(2, 3, 2) and joined(run(2, 3, 2), History()) == run(2, 3, 2)
