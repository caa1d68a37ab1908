"""The four functions for use outside training."""

import subprocess
import sys

import pytest
import torch

from crossmodal.attacks.api import attack_embeddings, attack_images, attack_pairs, attack_texts
from crossmodal.attacks.pgd_images_params import Params
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, perturbable
from crossmodal.models.loss import contrastive_loss, query_losses
from crossmodal.provenance.closure import closure

IMAGES = {"kind": "pgd_images", "epsilon": "8/255", "steps": 5}
TEXTS = {"kind": "pgd_texts", "epsilon": 0.3, "steps": 5}
EMBEDDINGS = {"kind": "pgd_embeddings", "epsilon": 0.2}


def features(trained, pixels=None, delta=None):
    with torch.no_grad():
        images = encode_images(trained.model, trained.pixels if pixels is None else pixels)
        return images, encode_texts(trained.model, trained.tokens, delta)


def losses(trained, queries, gallery):
    scale = logit_scale(trained.model).detach()
    return query_losses(queries, gallery, trained.labels, trained.labels, scale)


def recall(trained, queries, gallery, labels=None):
    wanted = trained.labels if labels is None else labels
    return float(((queries @ gallery.T).argmax(dim=1) == wanted).float().mean())


@pytest.mark.parametrize("goal", ["loss", "margin"])
def test_images(trained, goal):
    clean, texts = features(trained)
    sides = trained.model, trained.pixels, trained.tokens, trained.labels
    attacked = attack_images(*sides, IMAGES | {"epsilon": 0.1}, goal=goal)
    assert torch.all((attacked - trained.pixels).abs() <= 0.1 + 1e-6)
    assert attacked.min() >= 0 and attacked.max() <= 1
    images, _ = features(trained, attacked)
    if goal == "loss":
        assert torch.all(losses(trained, images, texts) >= losses(trained, clean, texts) - 1e-5)
    assert recall(trained, images, texts) < 0.5 < recall(trained, clean, texts)
    unchanged = attack_images(*sides, IMAGES | {"epsilon": 0.0}, goal=goal)
    assert torch.equal(unchanged, trained.pixels)


def test_texts(trained):
    clean, texts = features(trained)
    sides = trained.model, trained.pixels, trained.tokens, trained.labels
    delta = attack_texts(*sides, TEXTS | {"epsilon": 1.0})
    assert torch.count_nonzero(delta[~perturbable(trained.tokens)]) == 0
    _, attacked = features(trained, delta=delta)
    assert torch.all(losses(trained, attacked, clean) >= losses(trained, texts, clean) - 1e-5)
    assert recall(trained, attacked, clean) < recall(trained, texts, clean)
    assert torch.count_nonzero(attack_texts(*sides, TEXTS | {"epsilon": 0.0})) == 0


def test_targets_are_found(trained):
    sides = trained.model, trained.pixels, trained.tokens, trained.labels
    _, texts = features(trained)
    targets = (trained.labels + 1) % 12
    images, _ = features(trained, attack_images(*sides, IMAGES | {"epsilon": 0.2}, targets=targets))
    assert recall(trained, images, texts, targets) > 0.9
    clean, _ = features(trained)
    delta = attack_texts(*sides, TEXTS | {"epsilon": 2.0, "steps": 20}, targets=targets)
    _, attacked = features(trained, delta=delta)
    assert recall(trained, attacked, clean, targets) > 0.5
    with pytest.raises(ValueError, match="no item of the gallery has the label 77"):
        attack_images(*sides, IMAGES, targets=torch.full((12,), 77))


def test_pieces_of_the_batch_give_what_the_whole_does(trained):
    sides = trained.model, trained.pixels, trained.tokens, trained.labels
    start = {"random_start": False}
    for attack, params in ((attack_images, IMAGES), (attack_texts, TEXTS)):
        whole, pieces = (attack(*sides, params | start, batch_size=size) for size in (12, 5))
        torch.testing.assert_close(whole, pieces, atol=1e-3, rtol=0)


def test_captions_of_their_own_labels(trained):
    """Two captions an image: those of the second image are right answers for it alone."""
    tokens, text_labels = trained.tokens.repeat(2, 1), trained.labels.repeat(2)
    args = trained.model, trained.pixels, tokens, trained.labels
    images = attack_images(*args, IMAGES | {"epsilon": 0.1}, text_labels=text_labels)
    assert recall(trained, *features(trained, images)) < 0.5
    assert attack_texts(*args, TEXTS, text_labels=text_labels).shape[0] == 24
    pair = attack_pairs(*args, IMAGES, TEXTS, text_labels=text_labels)
    assert pair.token_offsets.shape[0] == 24


def test_embeddings_alone_and_as_a_side_of_pairs(trained):
    images, texts = features(trained)
    scale = logit_scale(trained.model).detach()
    attacked = attack_embeddings(
        images, texts, trained.labels, trained.labels, EMBEDDINGS, scale=float(scale)
    )
    assert torch.all((attacked - images).norm(dim=1) <= 0.2 + 1e-5)
    assert torch.all(losses(trained, attacked, texts) >= losses(trained, images, texts) - 1e-5)
    args = trained.model, trained.pixels, trained.tokens, trained.labels
    pair = attack_pairs(*args, IMAGES, EMBEDDINGS)
    assert pair.token_offsets is None and pair.image_offsets is None
    torch.testing.assert_close((texts + pair.text_offsets).norm(dim=1), torch.ones(12))
    moved, _ = features(trained, pair.pixels)
    both = contrastive_loss(moved, texts + pair.text_offsets, trained.labels, scale)
    assert both > contrastive_loss(moved, texts, trained.labels, scale)
    assert both > contrastive_loss(images, texts + pair.text_offsets, trained.labels, scale)
    nothing = attack_pairs(*args)
    assert nothing.pixels is trained.pixels and not any(offsets is not None for offsets in nothing[1:])


def test_a_seed_is_an_attack_and_the_model_stays_as_it_is(trained):
    model = trained.model
    args = model, trained.pixels, trained.tokens, trained.labels
    model.train()
    try:
        first, again = attack_images(*args, IMAGES), attack_images(*args, IMAGES)
        other = attack_images(*args, IMAGES, generator=torch.Generator().manual_seed(1))
        typed = attack_images(*args, Params(kind="pgd_images", epsilon=8 / 255, steps=5))
        assert model.training and all(p.grad is None and p.requires_grad for p in model.parameters())
    finally:
        model.eval()
    assert torch.equal(first, again) and torch.equal(first, typed) and not torch.equal(first, other)


def test_an_attack_of_another_space_is_an_error(trained):
    args = trained.model, trained.pixels, trained.tokens, trained.labels
    with pytest.raises(ValueError, match='"pgd_texts" is one on texts, not on images'):
        attack_images(*args, TEXTS)
    with pytest.raises(ValueError, match='"pgd_images" is one on images, not on texts or embeddings'):
        attack_pairs(*args, texts=IMAGES)
    with pytest.raises(ValueError, match="not on embeddings"):
        attack_embeddings(torch.eye(2), torch.eye(2), torch.arange(2), torch.arange(2), IMAGES)


def test_the_package_imports_nothing():
    code = (
        "import sys, crossmodal.attacks; from crossmodal.registry import kinds; kinds('attacks');"
        "assert not {'torch', 'crossmodal.attacks.api'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fingerprints_of_training_do_not_see_the_functions():
    code, _ = closure(("crossmodal.training.adversary", "crossmodal.attacks.pgd_images"))
    assert "crossmodal.attacks.joint" in code
    assert not {"crossmodal.attacks", "crossmodal.attacks.api", "crossmodal.attacks.sanity"} & set(code)
