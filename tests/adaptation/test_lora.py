"""The five tests that pin LoRA in CLIP, its counts and its errors."""

import itertools
import json
import math
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from crossmodal.adaptation import methods
from crossmodal.adaptation.low_rank import adapted
from crossmodal.errors import UserError

PLACEMENTS = ("qkv", "qkvo", "qkvo+mlp")
TOWERS = ("both", "image", "text")
GRID = list(itertools.product(PLACEMENTS, TOWERS, ("torch", "open_clip")))
grid = pytest.mark.parametrize(("placement", "towers", "attention"), GRID)


def disturb(model: nn.Module) -> None:
    """Give B values, as training does: with B zero A has no gradient and no effect."""
    generator = torch.Generator().manual_seed(7)
    for _, _, term in adapted(model):
        term.lora_B.data.normal_(std=0.1, generator=generator)


@grid
def test_the_start_is_the_base_model(bases, fresh, params, embed, placement, towers, attention) -> None:
    model = fresh(attention)
    methods.attach(model, params("lora", rank=4, placement=placement, towers=towers), seed=1)
    for training, grad in itertools.product((True, False), (True, False)):
        # In eval() torch's attention takes a fused path that rounds differently where nothing has a gradient.
        reference = deepcopy(bases[attention]).train(training).requires_grad_(grad)
        with torch.set_grad_enabled(grad):
            difference = (embed(model.train(training)) - embed(reference)).abs().max()
        assert difference == 0 or (grad and not training and difference < 1e-6)


@grid
@pytest.mark.parametrize("training", [True, False])
def test_every_factor_has_a_gradient(fresh, params, embed, placement, towers, attention, training) -> None:
    model = fresh(attention)
    methods.attach(model, params("lora", rank=4, placement=placement, towers=towers), seed=1)
    disturb(model)
    embed(model.train(training))[:, 0].sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    towers_found = {"image" if name.startswith("visual.") else "text" for name in gradients}
    assert towers_found == ({"image", "text"} if towers == "both" else {towers})
    for name, gradient in gradients.items():
        assert "lora_" in name
        blocks = gradient.chunk(3 if "in_proj" in name else 1)
        assert all(block.abs().max() > 0 for block in blocks), name
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


@grid
def test_merged_equals_unmerged(bases, fresh, params, embed, placement, towers, attention) -> None:
    model, lora = fresh(attention), params("lora", rank=4, placement=placement, towers=towers)
    methods.attach(model, lora, seed=1)
    disturb(model)
    with torch.no_grad():
        unmerged = embed(model)
        methods.merge(model, lora)
        merged = embed(model)
        assert (merged - unmerged).abs().max() <= 1e-6
        assert (merged - embed(bases[attention])).abs().max() > 1e-3
    assert model.state_dict().keys() == bases[attention].state_dict().keys()
    assert type(model.visual.transformer.resblocks[0].attn) is type(
        bases[attention].visual.transformer.resblocks[0].attn
    )


@grid
def test_saved_and_loaded_is_the_same(fresh, params, embed, tmp_path, placement, towers, attention) -> None:
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    model = fresh(attention)
    lora = params("lora", rank=4, placement=placement, towers=towers, scaling="alpha/sqrt(r)", alpha=3.0)
    methods.attach(model, lora, seed=1)
    disturb(model)
    methods.save_adapter(model, lora, *files)
    loaded = fresh(attention)
    assert methods.load_adapter(loaded, *files) == lora
    with torch.no_grad():
        assert torch.equal(embed(loaded), embed(model))
    for (_, _, ours), (_, _, theirs) in zip(adapted(model), adapted(loaded), strict=True):
        assert torch.equal(ours.lora_A, theirs.lora_A)
        assert torch.equal(ours.lora_B, theirs.lora_B)


@pytest.mark.parametrize("attention", ["torch", "open_clip"])
def test_the_base_weights_stay_as_they_are(bases, fresh, params, train, embed, attention) -> None:
    model = fresh(attention)
    methods.attach(model, params("lora", rank=4, placement="qkvo+mlp"), seed=1)
    train(model)
    embed(model.train())
    embed(model.eval())
    bare = {".".join(p for p in key.replace(".original", "").split(".") if p != "parametrizations"): value
            for key, value in model.state_dict().items() if "lora_" not in key}  # fmt: skip
    expected = bases[attention].state_dict()
    assert bare.keys() == expected.keys()
    assert all(torch.equal(bare[key], value) for key, value in expected.items())
    with torch.no_grad():
        assert not torch.allclose(embed(model), embed(bases[attention]), atol=1e-3)


@pytest.mark.slow  # builds ViT-B/32
@pytest.mark.parametrize(
    ("placement", "shares"),
    [
        ("qkv", (0.24, 0.49, 0.97, 1.95)),
        ("qkvo", (0.32, 0.65, 1.30, 2.60)),
        ("qkvo+mlp", (0.73, 1.46, 2.92, 5.85)),
    ],
)
def test_counts_of_vit_b_32(vit_b_32, params, placement, shares) -> None:
    for rank, share in zip((4, 8, 16, 32), shares, strict=True):
        model = vit_b_32()
        methods.attach(model, params("lora", rank=rank, placement=placement), seed=0)
        counts = methods.parameter_counts(model)
        assert counts["total"] == 151_277_313
        assert round(100 * counts["share"], 2) == share
        per_block = {"qkv": 6, "qkvo": 8, "qkvo+mlp": 18}[placement]
        assert counts["trainable_image"] == 12 * rank * per_block * 768
        assert counts["trainable_text"] == 12 * rank * per_block * 512
        assert counts["trainable"] == counts["trainable_image"] + counts["trainable_text"]


def test_scaling_conventions(fresh, params) -> None:
    for scaling, expected in (("alpha/r", 8 / 16), ("alpha/sqrt(r)", 8 / math.sqrt(16))):
        model = fresh()
        methods.attach(model, params("lora", rank=16, alpha=8.0, scaling=scaling), seed=0)
        assert {term.scale for _, _, term in adapted(model)} == {expected}


def test_the_seed_decides_the_factors(fresh, params) -> None:
    def factors(seed: int) -> list[torch.Tensor]:
        model = fresh()
        methods.attach(model, params("lora"), seed)
        return [term.lora_A for _, _, term in adapted(model)]

    assert all(torch.equal(a, b) for a, b in zip(factors(3), factors(3), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(factors(3), factors(4), strict=True))
    bound = 1 / math.sqrt(64)
    assert all(factor.abs().max() <= bound and factor.std() > bound / 2 for factor in factors(3))


def test_a_rank_above_the_width_is_one_line(fresh, params, bases) -> None:
    model = fresh()
    with pytest.raises(UserError, match="rank 65 exceeds the width 64 of visual"):
        methods.attach(model, params("lora", rank=65), seed=0)
    assert model.state_dict().keys() == bases["torch"].state_dict().keys()
    methods.attach(model, params("lora", rank=64, placement="qkvo+mlp"), seed=0)


def test_a_tower_of_an_unknown_kind_is_one_line(fresh, params) -> None:
    model = fresh()
    model.visual = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 64))
    with pytest.raises(UserError, match=r"^lora: the image tower has neither attention") as error:
        methods.attach(model, params("lora", rank=2), seed=0)
    assert "\n" not in str(error.value)


def test_an_adapter_of_another_cell_is_one_line(fresh, params, tmp_path: Path) -> None:
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    model, lora = fresh(), params("lora", rank=4)
    methods.attach(model, lora, seed=0)
    methods.save_adapter(model, lora, *files)
    config = json.loads(files[0].read_text())
    for change, message in (({"rank": 8}, "is of another model or rank"), ({"towers": "text"}, "unexpected")):
        wrong = config | {"crossmodal": config["crossmodal"] | change}
        files[0].write_text(json.dumps(wrong))
        with pytest.raises(UserError, match=message):
            methods.load_adapter(fresh(), *files)
    files[0].write_text(json.dumps(config))
    tensors = load_file(files[1])
    key = "base_model.model.visual.transformer.resblocks.0.attn.lora_B.weight"
    tensors[key][0, -1] = 1.0
    save_file(tensors, files[1])
    with pytest.raises(UserError, match="separate q, k, v factors cannot hold"):
        methods.load_adapter(fresh(), *files)
