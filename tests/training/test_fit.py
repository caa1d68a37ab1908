"""The loop: what it learns, what it leaves alone, where it stops."""

import csv
import math
from itertools import pairwise

import pytest
import torch

from crossmodal.errors import UserError
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.models.lookups import used_rows
from crossmodal.models.loss import contrastive_loss
from crossmodal.provenance.closure import closure
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.batches import epoch_batches
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.history import Epoch, validation_score
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import learning_rate, make_optimiser, trainable
from crossmodal.training.randomness import Stream, make_generator
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.validation import recall_at_1, validate

ADVERSARY = AdversaryParameters.model_validate(
    {"images": {"kind": "pgd_images", "steps": 2}, "texts": {"kind": "pgd_texts", "steps": 2}}
)


def settings(**changes):
    values = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "max_gradient_norm": 1.0}
    return TrainingParameters.model_validate(values | changes)


def train(model, folder, data, validation=None, adversary=None, seed=0, after_epoch=None, **changes):
    return fit(
        model, data, validation, settings(**changes), seed, adversary,
        folder / "checkpoints", folder / "log.csv", "job", after_epoch,
    )  # fmt: skip


def test_learns_and_logs(tmp_path, tiny_clip, patterns):
    model, data = tiny_clip(), patterns()
    before = validate(model, patterns(1), "cpu")
    history = train(model, tmp_path, data, patterns(1), epochs=40, batch_size=12, augmentation=None)
    after = validate(model, patterns(1), "cpu")
    assert after.text_to_image > 0.9 > before.text_to_image + 0.3
    assert history.epochs[-1].loss < history.epochs[0].loss / 2
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 41))
    assert [int(row["steps"]) for row in rows] == list(range(2, 81, 2))
    assert float(rows[-1]["validation_loss"]) == history.epochs[-1].validation_loss
    assert all(float(row["pairs_per_second"]) > 0 for row in rows)
    assert not model.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("adversary", [None, ADVERSARY])
def test_two_runs_agree_to_the_bit(tmp_path, tiny_clip, patterns, adversary):
    data, results = patterns(), []
    for name, noise in (("a", 1), ("b", 2)):
        torch.manual_seed(noise)  # the global state must not matter
        model = tiny_clip()
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        train(model, tmp_path / name, data, adversary=adversary, epochs=2)
        assert torch.equal(torch.get_rng_state(), state)
        results.append(fingerprint(model.state_dict()))
    assert results[0] == results[1]
    other = tiny_clip()
    train(other, tmp_path / "c", data, adversary=adversary, epochs=2, seed=1)
    assert fingerprint(other.state_dict()) != results[0]


def test_only_trainable_parameters_move(tmp_path, tiny_clip, patterns):
    model = tiny_clip()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, tmp_path, patterns(), adversary=ADVERSARY, epochs=1)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved and moved <= set(trainable(model))


def test_nothing_to_train_returns_at_once(tmp_path, tiny_clip, patterns):
    model = tiny_clip().requires_grad_(False)
    history = train(model, tmp_path, patterns())
    assert history.epochs == [] and history.best_epoch == 0
    assert not (tmp_path / "checkpoints").exists()
    assert (tmp_path / "log.csv").read_text().startswith("epoch,steps,loss")


def test_accumulation_averages_the_gradients_of_its_batches(tmp_path, tiny_clip, patterns):
    data = patterns()
    model, reference = tiny_clip(), tiny_clip()
    plain = {"augmentation": None, "weight_decay": 0, "max_gradient_norm": None, "warmup_share": 0}
    # 24 pairs make 3 batches of 8: two for the first step, the rest for the second.
    history = train(model, tmp_path, data, epochs=1, gradient_accumulation=2, **plain)
    assert history.epochs[0].steps == 2
    chosen = settings(epochs=1, **plain)
    optimiser = make_optimiser(trainable(reference), chosen)
    order = make_generator(0, 1, Stream.ORDER)
    batches = list(epoch_batches(data, 8, order))
    for step, group in enumerate((batches[:2], batches[2:])):
        losses = [
            contrastive_loss(
                encode_images(reference, to_pixels(b.images)),
                encode_texts(reference, b.tokens),
                b.labels,
                logit_scale(reference),
            )
            for b in group
        ]
        (sum(losses) / len(losses)).backward()
        for parameters in optimiser.param_groups:
            parameters["lr"] = learning_rate(step, 2, chosen)
        optimiser.step()
        optimiser.zero_grad()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, reference.state_dict()[name], rtol=1e-3, atol=2e-5)


def test_the_best_epoch_is_restored_and_patience_ends_training(tmp_path, tiny_clip, patterns):
    model, seen = tiny_clip(), []

    def spoil(epoch):
        seen.append(fingerprint(model.state_dict()))
        if epoch.epoch == 2:
            with torch.no_grad():  # from here on validation can only get worse
                model.text_projection.zero_()

    history = train(
        model, tmp_path, patterns(), patterns(1), epochs=30, early_stopping_patience=3, after_epoch=spoil
    )
    scores = [validation_score(epoch) for epoch in history.epochs]
    assert history.stopped_early and len(history.epochs) == history.best_epoch + 3 < 30
    assert history.best_epoch == 1 + max(range(len(scores)), key=lambda i: (scores[i], -i))
    assert fingerprint(model.state_dict()) == seen[history.best_epoch - 1]


def test_recall_decides_first_and_loss_between_equals():
    def epoch(recall, loss):
        return Epoch(1, 1, 1.0, loss, recall, recall, 1e-3, 1.0, 1.0)

    assert validation_score(epoch(0.5, 9.0)) > validation_score(epoch(0.4, 1.0))
    assert validation_score(epoch(0.5, 1.0)) > validation_score(epoch(0.5, 2.0))


@pytest.mark.parametrize("adversary", [None, ADVERSARY])
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    tmp_path, tiny_clip, patterns, adversary
):
    model = tiny_clip()

    def poison(epoch):
        if epoch.epoch == 2:
            with torch.no_grad():
                model.text_projection.fill_(math.nan)

    with pytest.raises(UserError, match=r"loss is nan at step 7 \(epoch 3\)") as error:
        train(model, tmp_path, patterns(), adversary=adversary, after_epoch=poison)
    assert "\n" not in str(error.value)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "epoch-00001.safetensors",
        "epoch-00002.safetensors",
    ]


def test_schedule_warms_up_and_falls_along_a_cosine():
    chosen = settings(learning_rate=1.0, warmup_share=0.2)
    rates = [learning_rate(step, 50, chosen) for step in range(50)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[10] == 1.0 and rates[30] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    assert learning_rate(0, 1, settings(warmup_share=1)) == settings().learning_rate


def test_weights_decay_and_biases_norms_and_scale_do_not(tiny_clip):
    model = tiny_clip()
    decayed, others = make_optimiser(trainable(model), settings(weight_decay=0.3)).param_groups
    assert decayed["weight_decay"] == 0.3 and others["weight_decay"] == 0
    names = {id(p): name for name, p in model.named_parameters()}
    kept = {names[id(p)] for p in others["params"]}
    assert {"logit_scale", "ln_final.weight", "ln_final.bias", "visual.conv1.weight"} - kept == {
        "visual.conv1.weight"
    }


def test_rows_that_no_caption_looks_up_stay_as_they_are(tmp_path, tiny_clip, patterns):
    """Weight decay would move them: half a million values that no gradient has seen."""
    model, before, data = tiny_clip(), tiny_clip().state_dict(), patterns()
    train(model, tmp_path, data, epochs=2, weight_decay=0.5)
    rows = used_rows(model, data.tokens)
    assert len(rows) == 2
    for name, used in rows.items():
        unused = torch.ones(len(before[name]), dtype=torch.bool)
        unused[used] = False
        after = model.state_dict()[name]
        assert torch.equal(after[unused], before[name][unused]), name
        assert (after[used] != before[name][used]).any(dim=1).all(), name


def test_the_logit_scale_stays_at_most_100(tmp_path, tiny_clip, patterns):
    model = tiny_clip()
    with torch.no_grad():
        model.logit_scale.fill_(7.0)
    train(model, tmp_path, patterns(), epochs=1)
    assert float(logit_scale(model).detach()) <= 100.001


def test_recall_counts_ties_as_wrong():
    same = torch.ones(3, 2) / 2**0.5
    labels = torch.arange(3)
    assert recall_at_1(same, same, labels, labels) == 0.0
    assert recall_at_1(torch.eye(3), torch.eye(3), labels, labels) == 1.0
    assert recall_at_1(same, same, torch.zeros(3), torch.zeros(3)) == 1.0


def test_training_without_adversary_does_not_depend_on_the_attacks():
    code, _ = closure(("crossmodal.training.loop",))
    assert "crossmodal.training.step" in code
    assert not [name for name in code if "attacks" in name or name.endswith("adversary")]
    with_attacks, _ = closure(("crossmodal.training.adversary", "crossmodal.attacks.pgd_images"))
    assert {"crossmodal.attacks.ascent", "crossmodal.attacks.joint"} <= set(with_attacks)
