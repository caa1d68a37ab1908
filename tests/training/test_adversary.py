"""The inner problem of min-max training: whom it attacks, how strongly, at what cost."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from crossmodal.adaptation import methods
from crossmodal.attacks.context import frozen
from crossmodal.attacks.joint import attack_batch
from crossmodal.errors import UserError
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    logit_scale,
    mean_token_norm,
    to_pixels,
)
from crossmodal.models.loss import contrastive_loss
from crossmodal.registry import kinds, parse
from crossmodal.training.adversary import attack_part, make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import trainable
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import batch_loss, prepare

ROOT = Path(__file__).resolve().parents[2]
IMAGES, TEXTS = {"kind": "pgd_images", "steps": 2}, {"kind": "pgd_texts", "steps": 2}
EMBEDDINGS = {"kind": "pgd_embeddings", "steps": 3}
SIDES = {
    "both": {"images": IMAGES, "texts": TEXTS},
    "images": {"images": IMAGES},
    "texts": {"texts": TEXTS},
    "fgsm": {"images": {"kind": "fgsm"}},
    "fgsm-rs": {
        "images": {"kind": "fgsm", "step": 1.25, "random_start": True},
        "texts": {"kind": "fgm_texts", "step": 1.25, "random_start": True},
    },
    "embeddings": {"images": EMBEDDINGS, "texts": EMBEDDINGS},
    "mixed": {"images": IMAGES, "texts": EMBEDDINGS},
}
SMALL = {kind: {"length": 2} for kind in ("coop", "cocoop", "vpt", "maple")}  # captions of 8 tokens


def adversary(sides="both", **changes):
    return AdversaryParameters.model_validate(SIDES[sides] | changes)


def prepared(model, batch, params, seed=0, progress=1.0):
    generator = torch.Generator().manual_seed(seed)
    return make_adversary(model, params, batch[1]).prepare(model, *batch, generator, progress)


def train(model, folder, data, params, seed=0, after_epoch=None, **changes):
    values = {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "max_gradient_norm": 1.0}
    return fit(
        model, data, None, TrainingParameters.model_validate(values | changes), seed, params,
        folder / "checkpoints", folder / "log.csv", "job", after_epoch,
    )  # fmt: skip


@pytest.fixture
def batch(patterns):
    """Eight pairs: pixels, tokens, labels."""
    data = patterns()
    return to_pixels(data.images[:8]), data.tokens[:16:2].long(), data.labels[:8]


@pytest.mark.parametrize("clean_share", [0.0, 0.25, 0.5, 1.0])
def test_attacks_its_share_of_the_batch(tiny_clip, batch, clean_share):
    model = tiny_clip().train()
    params, attacked = adversary(clean_share=clean_share), 8 - round(8 * clean_share)
    ready, clean = prepared(model, batch, params), prepare(batch[0], batch[2])
    changed = [i < attacked for i in range(8)]
    assert (ready.pixels != batch[0]).flatten(1).any(1).tolist() == changed
    if ready.delta is None:
        assert attacked == 0
    else:
        assert (ready.delta != 0).flatten(1).any(1).tolist() == changed
    harder, plain = batch_loss(model, ready, batch[1]), batch_loss(model, clean, batch[1])
    assert bool(harder > plain) if attacked else torch.equal(harder, plain)
    assert model.training and all(p.grad is None for p in model.parameters())
    harder.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("sides", SIDES)
def test_every_kind_of_attack_makes_the_loss_grow(tiny_clip, batch, sides):
    model = tiny_clip().train()
    params = adversary(sides, clean_share=0.25)
    ready = prepared(model, batch, params)
    harder = batch_loss(model, ready, batch[1])
    assert bool(harder > batch_loss(model, prepare(batch[0], batch[2]), batch[1]))
    assert torch.equal(ready.pixels[6:], batch[0][6:])
    assert (params.images is None or params.images.space == "embeddings") == torch.equal(
        ready.pixels, batch[0]
    )
    harder.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_an_attack_on_embeddings_is_added_to_the_features(tiny_clip, batch):
    """Against the loss at features moved by hand; its gradient reaches the clean features."""
    model, params = tiny_clip(), adversary("embeddings", clean_share=0.5)
    found = attack_part(model, *batch, params, 1.0, torch.Generator().manual_seed(0))
    assert found.image_offsets[:4].norm(dim=1).tolist() == pytest.approx([0.05] * 4, abs=1e-4)
    assert torch.count_nonzero(found.image_offsets[4:]) == 0
    images = encode_images(model, batch[0]).detach().requires_grad_(True)
    texts = encode_texts(model, batch[1]).detach().requires_grad_(True)
    loss = prepared(model, batch, params).loss(images, texts, logit_scale(model).detach())
    expected = contrastive_loss(
        functional.normalize(images + found.image_offsets, dim=-1),
        functional.normalize(texts + found.text_offsets, dim=-1),
        batch[2], logit_scale(model).detach(),
    )  # fmt: skip
    assert torch.equal(loss, expected)
    loss.backward()
    assert torch.all(images.grad.norm(dim=1) > 0) and torch.all(texts.grad.norm(dim=1) > 0)


def test_without_clean_pairs_it_is_the_attack_on_the_batch(tiny_clip, batch):
    model, params = tiny_clip(), adversary(clean_share=0.0)
    scale = logit_scale(model).detach()
    pixels, delta = attack_batch(
        model, batch[0], batch[1], lambda i, t: contrastive_loss(i, t, batch[2], scale),
        params.images, params.texts, mean_token_norm(model, batch[1]), torch.Generator().manual_seed(0),
        keep_best=False,
    )  # fmt: skip
    ready = prepared(model, batch, params)
    assert torch.equal(ready.pixels, pixels) and torch.equal(ready.delta, delta)


def test_the_whole_batch_is_what_the_attack_is_against(tiny_clip, batch):
    """One step without a start, against the gradient of the loss with clean pairs among the negatives."""
    model = tiny_clip()
    params = adversary("fgsm", clean_share=0.5)
    pixels = batch[0].clone().requires_grad_(True)
    with frozen(model):
        batch_loss(model, prepare(pixels, batch[2]), batch[1]).backward()
    expected = (batch[0] + 8 / 255 * pixels.grad.sign()).clamp(0, 1)
    expected[4:] = batch[0][4:]
    torch.testing.assert_close(prepared(model, batch, params).pixels, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 0.0), (0.1, 0.25), (0.2, 0.5), (0.4, 1.0), (1.0, 1.0)]
)
def test_epsilon_warms_up_linearly_and_the_step_with_it(tiny_clip, batch, progress, factor):
    model = tiny_clip()
    warming = adversary(epsilon_warmup_share=0.4, clean_share=0.0)
    scaled = adversary(
        images=IMAGES | {"epsilon": 8 / 255 * factor},
        texts=TEXTS | {"epsilon": 0.1 * factor},
        clean_share=0.0,
    )
    found, expected = prepared(model, batch, warming, progress=progress), prepared(model, batch, scaled)
    torch.testing.assert_close(found.pixels, expected.pixels, atol=1e-6, rtol=0)
    if factor == 0:
        assert found.delta is None and torch.count_nonzero(expected.delta) == 0
    else:
        torch.testing.assert_close(found.delta, expected.delta, atol=1e-6, rtol=0)
        assert float((found.pixels - batch[0]).abs().max()) == pytest.approx(8 / 255 * factor, rel=1e-3)


def test_warm_up_ends_where_no_warm_up_begins_to_the_bit(tiny_clip, batch):
    model = tiny_clip()
    found = [
        prepared(model, batch, adversary(epsilon_warmup_share=share), progress=0.5) for share in (0.0, 0.5)
    ]
    assert torch.equal(found[0].pixels, found[1].pixels) and torch.equal(found[0].delta, found[1].delta)


@pytest.mark.parametrize(
    ("sides", "clean_share", "image_rows", "text_rows"),
    [
        ("images", 0.0, 2 * 8, 8),
        ("texts", 0.0, 8, 2 * 8),
        ("both", 0.0, 2 * 8, 2 * 8),
        ("images", 0.5, 2 * 4 + 4, 4 + 4),
        ("embeddings", 0.0, 8, 8),
        ("both", 1.0, 0, 0),
    ],
)
def test_encodes_nothing_that_it_does_not_need(tiny_clip, batch, sides, clean_share, image_rows, text_rows):
    model, rows = tiny_clip(), {"images": 0, "texts": 0}

    def count(side):
        return lambda _, args: rows.update({side: rows[side] + len(args[0])})

    model.visual.register_forward_pre_hook(count("images"))
    model.token_embedding.register_forward_pre_hook(count("texts"))
    prepared(model, batch, adversary(sides, clean_share=clean_share))
    assert rows == {"images": image_rows, "texts": text_rows}


@pytest.mark.parametrize("sides", ["both", "mixed"])
def test_two_runs_agree_to_the_bit(tmp_path, tiny_clip, patterns, sides):
    data, results = patterns(), []
    for name, noise in (("a", 1), ("b", 2)):
        model = tiny_clip()
        torch.manual_seed(noise)  # the global state must not matter
        train(model, tmp_path / name, data, adversary(sides, epsilon_warmup_share=0.5), epochs=2)
        results.append(fingerprint(model.state_dict()))
    assert results[0] == results[1]
    other = tiny_clip()
    train(other, tmp_path / "c", data, adversary(sides, epsilon_warmup_share=0.5), epochs=2, seed=1)
    assert fingerprint(other.state_dict()) != results[0]


def test_only_trainable_parameters_move(tmp_path, tiny_clip, patterns):
    model = tiny_clip()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, tmp_path, patterns(), adversary(), epochs=1)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved and moved <= set(trainable(model))


def test_a_loss_that_is_no_number_stops(tmp_path, tiny_clip, patterns):
    model = tiny_clip()

    def poison(epoch):
        if epoch.epoch == 2:
            with torch.no_grad():
                model.text_projection.fill_(math.nan)

    with pytest.raises(UserError, match=r"loss is nan at step 7 \(epoch 3\)") as error:
        train(model, tmp_path, patterns(), adversary(), after_epoch=poison)
    assert "\n" not in str(error.value)


def test_adversarial_training_withstands_the_attack_it_was_trained_on(tmp_path, tiny_clip, patterns):
    data, losses = patterns(), {}
    params = adversary("images", images=IMAGES | {"epsilon": 0.05})
    whole = to_pixels(data.images), data.tokens[::2].long(), data.labels
    for name, given in (("plain", None), ("robust", params)):
        model = tiny_clip()
        model.token_embedding.requires_grad_(False)  # most of the weights, and of the time
        train(model, tmp_path / name, data, given, epochs=25, batch_size=24)
        attacked = prepared(model, whole, params.model_copy(update={"clean_share": 0.0}), seed=5)
        with torch.no_grad():
            losses[name] = float(batch_loss(model, attacked, whole[1]))
    assert losses["robust"] < losses["plain"]


@pytest.mark.parametrize("kind", [kind for kind in kinds("adaptation") if kind != "zero_shot"])
def test_combines_with_every_method(tiny_clip, batch, kind):
    model = tiny_clip(layers=2)
    methods.attach(model, parse("adaptation", {"kind": kind} | SMALL.get(kind, {})), 0)
    model.train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        plain = batch_loss(model, prepare(batch[0], batch[2]), batch[1])
    ready = prepared(model, batch, adversary(clean_share=0.5))
    harder = batch_loss(model, ready, batch[1])
    assert bool(harder > plain) and model.training
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    harder.backward()
    assert any(p.grad is not None for p in trainable(model).values())
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)
