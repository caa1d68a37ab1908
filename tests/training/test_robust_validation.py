"""Validation under attack: what it measures, and that the best epoch may be chosen by it."""

import csv

import pytest
import torch

from crossmodal.attacks.api import attack_images
from crossmodal.models.dual_encoder import encode_images, encode_texts, to_pixels
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.history import Epoch, validation_score
from crossmodal.training.loop import fit
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


def test_it_is_about_as_strong_as_an_attack_on_each_query(trained, patterns):
    data = patterns(1)
    found = measured(trained, data, watched(images=IMAGES | {"epsilon": 0.05, "steps": 10}))
    labels, text_labels, tokens = data.labels, data.labels[data.owners], data.tokens.long()
    pixels = attack_images(
        trained, to_pixels(data.images), tokens, labels, IMAGES | {"epsilon": 0.05, "steps": 10},
        text_labels=text_labels,
    )  # fmt: skip
    with torch.no_grad():
        images, texts = encode_images(trained, pixels), encode_texts(trained, tokens)
    assert found.robust_image_to_text <= recall_at_1(images, texts, labels, text_labels) + 0.2


def test_select_on_decides_what_the_best_epoch_is():
    def epoch(clean, robust, loss=1.0):
        return Epoch(1, 1, 1.0, loss, clean, clean, 1e-3, 1.0, 1.0, robust, robust)

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
    scores = [validation_score(epoch, select_on) for epoch in history.epochs]
    assert history.best_epoch == 1 + max(range(len(scores)), key=lambda i: (scores[i], -i))
    assert not history.stopped_early or len(scores) == history.best_epoch + 3
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["robust_text_to_image"]) for row in rows] == [
        epoch.robust_text_to_image for epoch in history.epochs
    ]
    again = measured(model, patterns(1), params)  # the model has the best epoch's weights
    best = history.epochs[history.best_epoch - 1]
    assert (again.robust_text_to_image, again.text_to_image) == (
        best.robust_text_to_image, best.validation_text_to_image,
    )  # fmt: skip
