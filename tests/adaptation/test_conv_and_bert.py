"""Every method on a convolutional image tower with batch norm and a BERT-like text tower."""

import re
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.trainable import BATCH_NORMALISATION
from crossmodal.attacks.joint import attack_batch
from crossmodal.attacks.pgd_images_params import Params as ImageAttack
from crossmodal.attacks.pgd_texts_params import Params as TextAttack
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.dual_encoder import encode_images, encode_texts, mean_token_norm, perturbable
from crossmodal.models.loss import contrastive_loss

pytestmark = pytest.mark.slow

METHODS = [
    {"kind": "zero_shot"},
    {"kind": "full"},
    {"kind": "linear"},
    {"kind": "bitfit"},
    {"kind": "bitfit", "layer_norm": False},
    {"kind": "lora", "rank": 4},
    {"kind": "lora", "rank": 20, "placement": "qkvo+mlp"},
    {"kind": "lora_blocks", "rank": 2, "blocks": 1},
    {"kind": "adalora", "initial_rank": 4, "target_rank": 2.0},
    {"kind": "adapter", "bottleneck": 8},
    {"kind": "coop"},
    {"kind": "coop", "phrase": "a photo of"},
    {"kind": "cocoop", "towers": "text"},
]
IMPOSSIBLE = ("vpt", "maple", "cocoop")
PROMPTS = ("coop", "cocoop")
every_method = pytest.mark.parametrize("values", METHODS, ids=lambda v: "-".join(map(str, v.values())))


def attached(model, values, louder=lambda model: model):
    params = registry.parse("adaptation", values)
    methods.attach(model, params, seed=1)
    return louder(model), params


def statistics(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        f"{path}.{name}": buffer.clone()
        for path, module in model.named_modules()
        if isinstance(module, BATCH_NORMALISATION)
        for name, buffer in module.named_buffers()
    }


def test_every_kind_is_here() -> None:
    assert {method["kind"] for method in METHODS} | set(IMPOSSIBLE) == set(registry.kinds("adaptation"))


@every_method
def test_the_start_is_the_base_model_unless_it_prompts(values, towers_base, towers, embed) -> None:
    model, _ = attached(towers(), values)
    with torch.no_grad():
        before, after = embed(towers_base), embed(model)
    assert torch.equal(after[:4], before[:4])
    assert torch.equal(after[4:], before[4:]) == (values["kind"] not in PROMPTS)


@every_method
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_every_parameter_that_trains_has_a_gradient(values, towers, embed, louder, training) -> None:
    model, _ = attached(towers(), values, louder)
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        if (
            parameter.requires_grad and not parameter.any()
        ):  # what starts at zero hides the gradient of others
            parameter.data.normal_(std=0.1, generator=generator)
    if values["kind"] == "zero_shot":
        assert not embed(model).requires_grad
        return
    torch.manual_seed(0)
    images, texts = embed(model.train(training)).chunk(2)
    contrastive_loss(images, texts, torch.arange(4), model.logit_scale.exp()).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        # Softmax does not see what is added to all keys alike.
        if parameter.requires_grad and not name.endswith("key.bias"):
            assert parameter.grad.abs().max() > 0, name


@every_method
def test_trained_saved_loaded_and_merged(values, towers_base, towers, embed, train, tmp_path: Path) -> None:
    model, params = attached(towers(), values)
    kept = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    if values["kind"] != "zero_shot":
        train(model, params)
    base, held = towers_base.state_dict(), statistics(towers_base)
    for name, tensor in model.state_dict().items():
        plain = re.sub(r"parametrizations\.(\w+)\.original", r"\1", name)
        assert name not in kept or torch.equal(tensor, base[plain]), name
    assert held and all(torch.equal(value, held[name]) for name, value in statistics(model).items())
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    methods.save_adapter(model, params, *files)
    loaded = towers()
    assert methods.load_adapter(loaded, *files) == params
    with torch.no_grad():
        trained = embed(model)
        assert torch.equal(embed(loaded), trained)
        assert torch.equal(trained, embed(towers_base)) == (values["kind"] == "zero_shot")
        methods.merge(loaded, params)
        assert (embed(loaded) - trained).abs().max() <= 1e-6
    if not methods.merges(params):
        return
    assert loaded.state_dict().keys() == base.keys()
    assert not any(module._forward_pre_hooks for module in loaded.modules())
    clip.save_clip(loaded, tmp_path / "config.json", tmp_path / "weights.safetensors")
    with torch.no_grad():
        again = clip.load_clip(tmp_path / "config.json", tmp_path / "weights.safetensors")
        assert torch.equal(embed(again), embed(loaded))


@every_method
def test_a_copy_is_a_model_of_its_own(values, towers, embed, train) -> None:
    model, params = attached(towers(), values)
    copy = deepcopy(model)
    with torch.no_grad():
        before = embed(model)
        assert torch.equal(embed(copy), before)
        if values["kind"] != "zero_shot":
            with torch.enable_grad():
                train(copy, params)
            assert not torch.equal(embed(copy), before)
        assert torch.equal(embed(model), before)


@every_method
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_an_attack_finds_its_way_through(values, towers, louder, training) -> None:
    """In eval() it meets the running statistics and moves none; the words of a caption move and nothing else."""
    model, _ = attached(towers(), values, louder)
    held = statistics(model)
    model.train(training)
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tokens, labels = clip.tokenize(model, ["a red octopus", "two green umbrellas", "a hat"]), torch.arange(3)

    def loss(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(images, texts, labels, 10.0)

    unit = mean_token_norm(model, tokens)
    attacks = {
        "images": (ImageAttack(kind="pgd_images", epsilon=0.1, steps=2), None),
        "texts": (None, TextAttack(kind="pgd_texts", epsilon=1.0, steps=2)),
    }
    for side, (images, texts) in attacks.items():
        changed, delta = attack_batch(
            model, pixels, tokens, loss, images, texts, unit, torch.Generator().manual_seed(0)
        )
        plain = deepcopy(model).eval()
        with torch.no_grad():
            clean = loss(encode_images(plain, pixels), encode_texts(plain, tokens))
            attacked = loss(encode_images(plain, changed), encode_texts(plain, tokens, delta))
        assert attacked > clean + 1e-4, side
        words = perturbable(tokens, model)
        assert delta is None or ((delta[words].norm(dim=-1) > 0).all() and not delta[~words].any())
    assert all(p.grad is None for p in model.parameters())
    assert model.training == training
    assert all(torch.equal(value, held[name]) for name, value in statistics(model).items())


@pytest.mark.parametrize(
    ("values", "instead"),
    [
        ({"kind": "vpt"}, ""),
        ({"kind": "vpt", "depth": "deep"}, ""),
        ({"kind": "maple"}, "; coop has prompts of the text alone"),
        ({"kind": "cocoop"}, "; `towers: text` is possible"),
        ({"kind": "cocoop", "towers": "image"}, ""),
    ],
    ids=lambda v: "-".join(map(str, v.values())) if isinstance(v, dict) else None,
)
def test_image_prompts_need_a_vision_transformer(towers, values, instead: str) -> None:
    model = towers()
    before = [(name, p.requires_grad) for name, p in model.named_parameters()]
    with pytest.raises(UserError) as error:
        methods.attach(model, registry.parse("adaptation", values), seed=0)
    assert str(error.value) == (
        f"{values['kind']}: image prompts need open_clip's vision transformer as the image tower,"
        f" this one is test_efficientnet{instead}"
    )
    assert [(name, p.requires_grad) for name, p in model.named_parameters()] == before
