"""The loop: what it learns, what it leaves alone, where it stops."""

import csv
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given as for_any
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.models.lookups import used_rows
from crossmodal.models.loss import contrastive_loss
from crossmodal.provenance.closure import closure
from crossmodal.statistics.metrics import score_queries
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.batches import epoch_batches
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.history import Epoch, validation_score
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import learning_rate, make_optimiser, trainable
from crossmodal.training.randomness import Stream, make_generator
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.validation import first_ranks, recall_at_1, retrieval, validate

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
    assert [int(row["epoch"]) for row in rows] == list(range(41))
    assert [int(row["steps"]) for row in rows] == list(range(0, 81, 2))
    assert float(rows[-1]["validation_loss"]) == history.epochs[-1].validation_loss
    assert float(rows[0]["validation_mrr"]) == before.mrr and rows[0]["loss"] == ""
    assert float(rows[-1]["validation_mrr"]) == history.epochs[-1].validation_mrr > before.mrr
    assert all(float(row["pairs_per_second"]) > 0 for row in rows[1:])
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
    scores = [validation_score(epoch) for epoch in history.rows]
    assert history.stopped_early and len(history.epochs) == history.best_epoch + 3 < 30
    assert history.best_epoch == max(range(len(scores)), key=lambda i: (scores[i], -i)) > 0
    assert fingerprint(model.state_dict()) == seen[history.best_epoch - 1]


def test_ranks_decide_first_and_loss_between_equals():
    def epoch(mrr, loss, recall=0.1):
        return Epoch(1, 1, 1.0, loss, recall, recall, 1e-3, 1.0, 1.0, validation_mrr=mrr)

    assert validation_score(epoch(0.5, 9.0)) > validation_score(epoch(0.4, 1.0))
    assert validation_score(epoch(0.5, 1.0)) > validation_score(epoch(0.5, 2.0))
    assert validation_score(epoch(0.5, 9.0, 0.1)) > validation_score(epoch(0.4, 1.0, 0.4)), (
        "not the first place alone"
    )


@pytest.mark.parametrize("patience", [None, 2])
def test_the_start_is_the_result_where_training_only_harms(tmp_path, tiny_clip, patterns, patience):
    model = tiny_clip()
    train(model, tmp_path / "good", patterns(), epochs=20, augmentation=None)
    before, state = validate(model, patterns(1), "cpu"), fingerprint(model.state_dict())
    history = train(
        model, tmp_path / "bad", patterns(), patterns(1), epochs=4, learning_rate=30.0, warmup_share=0.0,
        early_stopping_patience=patience,
    )  # fmt: skip
    assert len(history.epochs) == (patience or 4) and history.stopped_early == bool(patience)
    assert all(epoch.validation_mrr < before.mrr for epoch in history.epochs)
    assert history.best_epoch == 0 and history.best is history.start
    assert (history.start.validation_mrr, history.start.validation_loss) == (before.mrr, before.loss)
    assert fingerprint(model.state_dict()) == state


def test_without_validation_data_or_chosen_on_clean_data_under_attack_the_start_is_no_result(
    tmp_path, tiny_clip, patterns
):
    """An adversary's cell that looks at clean data would be a model that no attack was ever shown to."""
    for name, validation, adversary in (("none", None, None), ("attacked", patterns(1), ADVERSARY)):
        history = train(
            tiny_clip(), tmp_path / name, patterns(), validation, adversary, epochs=1, learning_rate=30.0
        )  # fmt: skip
        assert history.best_epoch == 1 and history.start is None
        assert (tmp_path / name / "log.csv").read_text().splitlines()[1].startswith("1,")


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


@for_any(
    st.integers(1, 8),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3]),
)
def test_ranks_are_those_of_a_slow_obvious_one(count, size, labels, seed, levels):
    """Small whole numbers make many ties; so do the metrics of the results."""
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-levels, levels + 1, (size, 3)).astype(np.float32)
    queries = rng.integers(-levels, levels + 1, (count, 3)).astype(np.float32)
    gallery_labels = rng.integers(0, labels, size)
    query_labels = gallery_labels[rng.integers(0, size, count)]  # each has a right item
    expected = []
    for query, label in zip(queries, query_labels, strict=True):
        scores = [float(query @ item) for item in gallery]
        worst = sorted(range(size), key=lambda i: (-scores[i], gallery_labels[i] == label))
        expected.append(1 + [gallery_labels[i] == label for i in worst].index(True))
    given = [torch.from_numpy(values) for values in (queries, gallery, query_labels, gallery_labels)]
    assert first_ranks(*given).tolist() == expected
    assert score_queries(queries, gallery, query_labels, gallery_labels).rank.tolist() == expected
    assert recall_at_1(*given) == np.mean(np.array(expected) == 1)
    if set(gallery_labels) <= set(query_labels):
        texts, images, text_labels, image_labels = given
        found = retrieval(images, texts, image_labels, text_labels)
        back = first_ranks(images, texts, image_labels, text_labels).double()
        assert found["text_to_image"] == recall_at_1(*given)
        assert found["mrr"] == pytest.approx((np.mean(1 / np.array(expected)) + float((1 / back).mean())) / 2)


def test_mrr_is_the_mean_of_both_directions(tiny_clip, patterns):
    model, data = tiny_clip(), patterns(1)
    with torch.no_grad():
        images = encode_images(model, to_pixels(data.images))
        texts = encode_texts(model, data.tokens.long())
    text_labels, expected = data.labels[data.owners], []
    for one, other, mine, theirs in (
        (texts, images, text_labels, data.labels), (images, texts, data.labels, text_labels),
    ):  # fmt: skip
        found = []
        for query, label in zip(one, mine, strict=True):
            scores = query @ other.T
            right = max(scores[theirs == label].tolist())
            found.append(1 / (1 + sum(score >= right for score in scores[theirs != label].tolist())))
        expected.append(sum(found) / len(found))
    assert validate(model, data, "cpu").mrr == pytest.approx(sum(expected) / 2, abs=1e-6)


def test_what_cannot_be_compared_is_not_found():
    broken, labels = torch.full((3, 2), math.nan), torch.arange(3)
    assert first_ranks(broken, torch.eye(3, 2), labels, labels).tolist() == [3, 3, 3]
    assert first_ranks(torch.eye(3, 2), broken, labels, labels).tolist() == [3, 3, 3]


def test_training_without_adversary_does_not_depend_on_the_attacks():
    code, _ = closure(("crossmodal.training.loop",))
    assert "crossmodal.training.step" in code
    assert not [name for name in code if "attacks" in name or name.endswith("adversary")]
    with_attacks, _ = closure(("crossmodal.training.adversary", "crossmodal.attacks.pgd_images"))
    assert {"crossmodal.attacks.ascent", "crossmodal.attacks.joint"} <= set(with_attacks)
