"""Attacks on a trained model: strength, side effects."""

from itertools import pairwise

import pytest
import torch

from crossmodal.attacks.context import evaluating, frozen
from crossmodal.attacks.joint import attack_batch
from crossmodal.attacks.pgd_images_params import Params as ImageParams
from crossmodal.attacks.pgd_texts_params import Params as TextParams
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    logit_scale,
    mean_token_norm,
    perturbable,
)
from crossmodal.models.loss import contrastive_loss


def objective(trained):
    scale = logit_scale(trained.model).detach()
    return lambda images, texts: contrastive_loss(images, texts, trained.labels, scale)


def recall(trained, pixels, delta=None):
    with torch.no_grad():
        images = encode_images(trained.model, pixels)
        texts = encode_texts(trained.model, trained.tokens, delta)
    similarity = images @ texts.T
    hits = [(similarity.argmax(dim=d) == trained.labels).float().mean() for d in (0, 1)]
    return float(sum(hits)) / 2


def loss_of(trained, pixels, delta=None):
    with torch.no_grad():
        images = encode_images(trained.model, pixels)
        return float(objective(trained)(images, encode_texts(trained.model, trained.tokens, delta)))


def run(trained, images, texts, keep_best=True, seed=0):
    return attack_batch(
        trained.model, trained.pixels, trained.tokens, objective(trained), images, texts,
        mean_token_norm(trained.model, trained.tokens), torch.Generator().manual_seed(seed), keep_best,
    )  # fmt: skip


def test_recall_falls_to_nothing_as_the_image_ball_grows(trained):
    assert recall(trained, trained.pixels) == 1.0
    sweep = [
        recall(trained, run(trained, ImageParams(kind="pgd_images", epsilon=e, steps=10), None)[0])
        for e in (0.0, 0.02, 0.1, 0.3, 1.0)
    ]
    assert sweep[0] == 1.0
    assert all(later <= earlier + 0.07 for earlier, later in pairwise(sweep))
    assert sweep[-1] <= 0.07


def test_recall_falls_as_the_token_balls_grow(trained):
    sweep = [
        recall(
            trained,
            trained.pixels,
            run(trained, None, TextParams(kind="pgd_texts", epsilon=e, steps=10))[1],
        )
        for e in (0.0, 0.3, 1.0, 10.0)
    ]
    assert sweep[0] == 1.0
    assert all(later <= earlier + 0.07 for earlier, later in pairwise(sweep))
    assert sweep[-1] <= 0.15


def test_a_joint_attack_is_stronger_than_either_part(trained):
    images = ImageParams(kind="pgd_images", epsilon=0.03, steps=8)
    texts = TextParams(kind="pgd_texts", epsilon=0.2, steps=5)
    losses = {
        name: loss_of(trained, *run(trained, *sides))
        for name, sides in {"images": (images, None), "texts": (None, texts), "both": (images, texts)}.items()
    }
    assert losses["both"] > max(losses["images"], losses["texts"])
    assert min(losses.values()) > loss_of(trained, trained.pixels)


def test_a_side_without_attack_or_with_an_empty_ball_is_unchanged(trained):
    texts = TextParams(kind="pgd_texts", epsilon=0.3, steps=2)
    pixels, delta = run(trained, None, texts)
    assert pixels is trained.pixels
    assert torch.count_nonzero(delta[~perturbable(trained.tokens)]) == 0
    pixels, delta = run(trained, ImageParams(kind="pgd_images", epsilon=0.0), texts)
    assert torch.equal(pixels, trained.pixels) and torch.count_nonzero(delta) > 0
    pixels, delta = run(
        trained, ImageParams(kind="pgd_images", epsilon=0.0), TextParams(kind="pgd_texts", epsilon=0.0)
    )
    assert torch.equal(pixels, trained.pixels) and torch.count_nonzero(delta) == 0
    assert run(trained, None, None)[1] is None


@pytest.mark.parametrize("keep_best", [True, False])
def test_the_model_comes_out_as_it_went_in(trained, keep_best):
    model = trained.model
    model.train()
    model.visual.ln_post.eval()  # a part with a mode of its own
    model.logit_scale.requires_grad_(False)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    seen = []
    handle = model.transformer.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    try:
        run(
            trained,
            ImageParams(kind="pgd_images", steps=2),
            TextParams(kind="pgd_texts", steps=3),
            keep_best,
        )
        assert seen and not any(seen)
        assert [module.training for module in model.modules()] == modes
        assert all(p.grad is None for p in model.parameters())
        assert [n for n, p in model.named_parameters() if not p.requires_grad] == ["logit_scale"]
        assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    finally:
        handle.remove()
        model.logit_scale.requires_grad_(True)
        model.eval()


def test_contexts_restore_after_an_error(trained):
    model = trained.model
    model.train()
    try:
        with pytest.raises(RuntimeError, match="on purpose"), evaluating(model), frozen(model):
            raise RuntimeError("on purpose")
        assert model.training and all(p.requires_grad for p in model.parameters())
    finally:
        model.eval()


def test_same_seed_same_attack(trained):
    images = ImageParams(kind="pgd_images", steps=2)
    first, second, other = (run(trained, images, None, seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(first, second) and not torch.equal(first, other)
