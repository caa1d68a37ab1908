"""ViT-B/32 at full size, random weights: one training step and one PGD step with every method."""

from collections.abc import Iterator
from copy import deepcopy

import open_clip
import pytest
import torch
from open_clip.model import CLIP

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.attacks.joint import attack_batch
from crossmodal.attacks.pgd_images_params import Params as ImageAttack
from crossmodal.attacks.pgd_texts_params import Params as TextAttack
from crossmodal.models import clip
from crossmodal.models.dual_encoder import logit_scale, mean_token_norm, perturbable
from crossmodal.models.loss import contrastive_loss
from crossmodal.training.step import batch_loss, prepare

pytestmark = pytest.mark.slow

MORE = [{"kind": "vpt", "depth": "deep"}, {"kind": "lora", "placement": "qkvo+mlp"}]
METHODS = [*({"kind": kind} for kind in registry.kinds("adaptation")), *MORE]
BATCH = 2
EPSILON = 4 / 255


@pytest.fixture(scope="module")
def base() -> Iterator[CLIP]:
    config = {
        "model_cfg": open_clip.get_model_config("ViT-B-32"),
        "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield clip.build_clip(config)


@pytest.mark.parametrize("values", METHODS, ids=lambda v: "-".join(map(str, v.values())))
def test_one_training_step_and_one_pgd_step(base, values) -> None:
    model, params = deepcopy(base), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    pixels = torch.rand(BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    tokens, labels = clip.tokenize(model, ["a red octopus", "two umbrellas in the rain"]), torch.arange(BATCH)
    _attack(model, pixels, tokens, labels)
    if values["kind"] != "zero_shot":
        _train(model, params, pixels, tokens, labels)
    bare = {".".join(part for part in name.split(".") if part not in ("parametrizations", "original")): p
            for name, p in model.named_parameters()}  # fmt: skip
    assert base.state_dict().keys() <= bare.keys()
    for name, tensor in base.state_dict().items():
        # What trains has moved, by its gradient or by weight decay; what is frozen is the same bit for bit.
        assert torch.equal(bare[name], tensor) != bare[name].requires_grad, name


def _attack(model: CLIP, pixels: torch.Tensor, tokens: torch.Tensor, labels: torch.Tensor) -> None:
    scale = logit_scale(model).detach()
    images = ImageAttack(kind="pgd_images", epsilon=EPSILON, steps=1, random_start=False)
    texts = TextAttack(kind="pgd_texts", epsilon=0.3, steps=1, random_start=False)

    def objective(image_features: torch.Tensor, text_features: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(image_features, text_features, labels, scale)

    unit = mean_token_norm(model, tokens)
    changed, delta = attack_batch(
        model,
        pixels,
        tokens,
        objective,
        images,
        texts,
        unit,
        torch.Generator().manual_seed(2),
        keep_best=False,
    )
    assert delta is not None
    assert 0 < (changed - pixels).abs().max() <= EPSILON * (1 + 1e-5)
    words = perturbable(tokens)
    norms = delta.norm(dim=-1)
    assert (norms[words] > 0).all() and not norms[~words].any()
    assert norms.max() <= 0.3 * unit * (1 + 1e-5)
    with torch.no_grad():
        clean = batch_loss(model, prepare(pixels, labels), tokens)
        attacked = batch_loss(model, prepare(changed, labels)._replace(delta=delta), tokens)
    assert attacked > clean
    assert all(p.grad is None for p in model.parameters())


def _train(
    model: CLIP, params: object, pixels: torch.Tensor, tokens: torch.Tensor, labels: torch.Tensor
) -> None:
    hooks = methods.hooks(params)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-5, weight_decay=0.1, fused=True
    )
    model.train()
    loss = batch_loss(model, prepare(pixels, labels), tokens)
    (loss if hooks.penalty is None else loss + hooks.penalty(model)).backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())
    optimiser.step()
    if hooks.after_step is not None:
        hooks.after_step(model, 0, 100)
    for name, old in before.items():
        new = model.get_parameter(name)
        assert torch.isfinite(new).all() and not torch.equal(new, old), name
    with torch.no_grad():
        after = batch_loss(model, prepare(pixels, labels), tokens)
    assert torch.isfinite(loss) and after < loss
