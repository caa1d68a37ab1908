"""Validation under attack: what it measures, and that the best epoch may be chosen by it."""

import csv
import dataclasses

import pytest
import torch

from crossmodal.attacks.api import attack_images, attack_texts
from crossmodal.models.dual_encoder import encode_images, encode_texts, mean_token_norm, to_pixels
from crossmodal.training import loop
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.history import Epoch, is_overfitted, validation_score
from crossmodal.training.loop import fit
from crossmodal.training.robust_validation import clean_recall
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.validation import recall_at_1, validate

IMAGES = {"kind": "pgd_images", "epsilon": 0.1, "steps": 3}


def watched(**validation):
    return AdversaryParameters.model_validate({"images": {"kind": "fgsm"}, "validation": validation})


def train(model, folder, patterns, adversary, **changes):
    model.token_embedding.requires_grad_(False)  # most of the weights, and of the time
    values = {"epochs": 10, "batch_size": 12, "learning_rate": 3e-3, "augmentation": None}
    return fit(
        model, patterns(), patterns(1), TrainingParameters.model_validate(values | changes), 0, adversary,
        folder / "checkpoints", folder / "log.csv", "job",
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny_clip, patterns, tmp_path_factory):
    model = tiny_clip()
    train(model, tmp_path_factory.mktemp("plain"), patterns, None, epochs=30)
    return model


def measured(model, data, params):
    return validate(model, data, "cpu", make_adversary(model, params, data.tokens))


def test_without_the_parameter_nothing_is_attacked(trained, patterns):
    found = measured(trained, patterns(1), AdversaryParameters.model_validate({"images": {"kind": "fgsm"}}))
    assert found == validate(trained, patterns(1), "cpu")
    assert found.robust_text_to_image is None and found.robust_image_to_text is None


def test_without_a_ball_robust_is_clean(trained, patterns):
    found = measured(trained, patterns(1), watched(images=IMAGES | {"epsilon": 0.0}))
    assert found.robust_text_to_image == found.text_to_image
    assert found.robust_image_to_text == found.image_to_text


def test_recall_falls_as_the_ball_grows_and_the_clean_values_stay(trained, patterns):
    clean, falling = validate(trained, patterns(1), "cpu"), []
    for epsilon in (0.0, 0.05, 0.3):
        found = measured(trained, patterns(1), watched(images=IMAGES | {"epsilon": epsilon}))
        assert (found.loss, found.text_to_image) == (clean.loss, clean.text_to_image)
        falling.append(found.robust_text_to_image)
    assert falling[0] > 0.7 and falling == sorted(falling, reverse=True) and falling[-1] < 0.2
    texts = measured(trained, patterns(1), watched(texts={"kind": "pgd_texts", "epsilon": 3.0}))
    assert texts.robust_text_to_image < clean.text_to_image
    sphere = measured(trained, patterns(1), watched(texts={"kind": "pgd_embeddings", "epsilon": 1.0}))
    assert sphere.robust_text_to_image < clean.text_to_image


def test_it_is_the_same_each_time_and_leaves_the_model_alone(trained, patterns):
    params = watched(images=IMAGES, texts={"kind": "pgd_texts"})
    state = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    first = measured(trained, patterns(1), params)
    torch.manual_seed(5)
    assert measured(trained, patterns(1), params) == first
    assert all(torch.equal(state[name], tensor) for name, tensor in trained.state_dict().items())
    assert all(p.grad is None for p in trained.parameters()) and not trained.training


def test_some_images_with_their_captions_stand_for_the_split(trained, patterns):
    """Against the same by hand: every fourth image and its two captions."""
    data = patterns(1)
    found = measured(trained, data, watched(images=IMAGES | {"epsilon": 0.0}, max_images=6))
    rows = torch.arange(0, 24, 4)
    captions = torch.stack([2 * rows, 2 * rows + 1], dim=1).flatten()
    with torch.no_grad():
        images = encode_images(trained, to_pixels(data.images[rows]))
        texts = encode_texts(trained, data.tokens[captions].long())
    labels, text_labels = data.labels[rows], data.labels[rows].repeat_interleave(2)
    assert found.robust_text_to_image == recall_at_1(texts, images, text_labels, labels)
    assert found.robust_image_to_text == recall_at_1(images, texts, labels, text_labels)


@pytest.mark.parametrize("sides", ["images", "texts", "both"])
def test_it_is_the_attack_of_each_query_by_its_margin(trained, patterns, sides):
    """Against the functions for use outside training: one side attacked at a time, the other side clean."""
    data, steps = patterns(1), {"steps": 5, "random_start": False}
    attacks = {
        "images": {"kind": "pgd_images", "epsilon": 0.04} | steps,
        "texts": {"kind": "pgd_texts", "epsilon": 0.3} | steps,
    }
    attacks = attacks if sides == "both" else {sides: attacks[sides]}
    found = measured(trained, data, watched(**attacks))
    labels, text_labels, tokens = data.labels, data.labels[data.owners], data.tokens.long()
    pixels = to_pixels(data.images)
    args = {"text_labels": text_labels, "goal": "margin"}
    unit = mean_token_norm(trained, tokens)
    with torch.no_grad():
        images, texts = encode_images(trained, pixels), encode_texts(trained, tokens)
    hidden, asked = images, texts
    if "images" in attacks:
        changed = attack_images(trained, pixels, tokens, labels, attacks["images"], **args)
        hidden = encode_images(trained, changed).detach()
    if "texts" in attacks:
        delta = attack_texts(trained, pixels, tokens, labels, attacks["texts"], unit=unit, **args)
        asked = encode_texts(trained, tokens, delta).detach()
    met = {"images": (hidden, texts), "texts": (images, asked), "both": (images, texts)}[sides]
    assert found.robust_text_to_image == recall_at_1(asked, met[0], text_labels, labels)
    assert found.robust_image_to_text == recall_at_1(hidden, met[1], labels, text_labels)
    assert found.robust_text_to_image < found.text_to_image
    assert clean_recall(trained, data, watched(**attacks).validation, "cpu") == (
        found.text_to_image, found.image_to_text,
    )  # fmt: skip


def test_select_on_decides_what_the_best_epoch_is():
    def epoch(clean, robust, loss=1.0):
        return Epoch(1, 1, 1.0, loss, clean, clean, 1e-3, 1.0, 1.0, robust, robust, clean)

    gentle, hard = epoch(0.9, 0.2), epoch(0.7, 0.5)
    assert validation_score(gentle) > validation_score(hard)
    assert validation_score(hard, "robust") > validation_score(gentle, "robust")
    assert validation_score(epoch(0.8, 0.5), "robust") > validation_score(hard, "robust")
    assert validation_score(epoch(0.7, 0.5, 0.5), "robust") > validation_score(hard, "robust")


@pytest.mark.parametrize("select_on", ["clean", "robust"])
def test_training_logs_it_and_stops_on_what_it_selects(tmp_path, tiny_clip, patterns, select_on):
    params = watched(images=IMAGES, select_on=select_on)
    model = tiny_clip()
    history = train(model, tmp_path, patterns, params, epochs=12, early_stopping_patience=3)
    assert (history.start is None) == (select_on == "clean")
    first = 1 - (len(history.rows) - len(history.epochs))
    scores = [validation_score(epoch, select_on) for epoch in history.rows]
    assert history.best_epoch == first + max(range(len(scores)), key=lambda i: (scores[i], -i))
    assert not history.stopped_early or len(history.epochs) == history.best_epoch + 3
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["robust_text_to_image"]) for row in rows] == [
        epoch.robust_text_to_image for epoch in history.rows
    ]
    again = measured(model, patterns(1), params)  # the model has the best epoch's weights
    best = history.best
    assert (again.robust_text_to_image, again.text_to_image) == (
        best.robust_text_to_image, best.validation_text_to_image,
    )  # fmt: skip


def story(*recalls: tuple[float, float]) -> list[Epoch]:
    """Return epochs with these recalls under several steps and under one."""
    plain = Epoch(0, 0, 1.0, 1.0, 0.5, 0.5, 1e-3, 1.0, 1.0)
    return [
        dataclasses.replace(
            plain,
            epoch=i,
            robust_text_to_image=several,
            robust_image_to_text=several,
            one_step_text_to_image=one,
            one_step_image_to_text=one,
        )
        for i, (several, one) in enumerate(recalls, 1)
    ]


@pytest.mark.parametrize(
    ("recalls", "overfitted"),
    [
        ([(0.4, 0.5), (0.02, 0.7)], True),
        ([(0.1, 0.2), (0.4, 0.5), (0.1, 0.4)], True),
        ([(0.4, 0.5), (0.11, 0.7)], False),  # more than a quarter is left
        ([(0.4, 0.5), (0.02, 0.3)], False),  # lost under one step as well: it has unlearnt, not overfitted
        ([(0.02, 0.7)], False),  # it has not withstood anything yet
        ([(0.01, 0.1), (0.02, 0.7)], False),
        ([(0.04, 0.1), (0.0, 0.7)], False),  # a fall of a few queries
    ],
)
def test_catastrophic_overfitting_is_a_fall_under_several_steps_alone(recalls, overfitted):
    assert is_overfitted(story(*recalls)) == overfitted
    plain = [Epoch(1, 1, 1.0, 1.0, 0.5, 0.5, 1e-3, 1.0, 1.0, 0.4, 0.4)] * 2
    assert not is_overfitted(plain), "one step was not measured"


FGSM = {"kind": "fgsm", "epsilon": 0.2, "step": 1.25, "random_start": True}


def test_the_attack_of_training_is_measured_where_it_takes_one_step(trained, patterns):
    """On the sides that are checked, so that the two recalls are of the same queries."""

    def adversary(**values):
        return AdversaryParameters.model_validate(values)

    check = {"images": IMAGES | {"epsilon": 0.2, "steps": 5}, "max_images": 12}
    both = adversary(images=FGSM, texts={"kind": "fgm_texts"}, validation=check)
    assert both.one_step.images == both.images and both.one_step.texts is None
    assert both.one_step.max_images == 12
    found = measured(trained, patterns(1), both)
    alone = measured(trained, patterns(1), adversary(images=FGSM, validation=check | {"images": FGSM}))
    assert found.one_step_image_to_text == alone.robust_image_to_text
    assert found.one_step_image_to_text >= found.robust_image_to_text
    assert alone.one_step_image_to_text is None
    for values in (
        {"images": FGSM},
        {"images": IMAGES, "validation": check},
        {"images": FGSM, "validation": check | {"texts": {"kind": "pgd_texts"}}},
    ):
        assert adversary(**values).one_step is None


def test_an_overfitted_epoch_ends_training_and_is_not_the_result(tmp_path, tiny_clip, patterns, monkeypatch):
    """What the epochs score is laid down here; what the loop makes of it is not."""
    scores = iter([(0.3, 0.4), (0.5, 0.6), (0.0, 0.9)])

    def scored(epoch, model, validation, device, adversary):
        several, one = next(scores)
        return dataclasses.replace(
            epoch, validation_loss=1.0, validation_mrr=0.1 * epoch.epoch,
            robust_text_to_image=several, robust_image_to_text=several,
            one_step_text_to_image=one, one_step_image_to_text=one,
        )  # fmt: skip

    monkeypatch.setattr(loop, "_validated", scored)
    states = []
    model = tiny_clip()
    model.token_embedding.requires_grad_(False)
    history = fit(
        model, patterns(), patterns(1),
        TrainingParameters(epochs=5, batch_size=12, augmentation=None), 0,
        AdversaryParameters.model_validate({"images": FGSM, "validation": {"images": IMAGES}}),
        tmp_path / "checkpoints", tmp_path / "log.csv", "job",
        lambda epoch: states.append({name: t.clone() for name, t in model.state_dict().items()}),
    )  # fmt: skip
    assert len(history.epochs) == 3 and history.stopped_early
    assert (history.overfitted_epoch, history.best_epoch) == (3, 2)
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in model.state_dict().items())
