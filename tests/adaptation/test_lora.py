"""The five tests that pin LoRA in CLIP, its counts, and its peers loralib and peft."""

import itertools
import json
import math
from copy import deepcopy
from pathlib import Path

import loralib
import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods, peft_layout
from crossmodal.adaptation.low_rank import LowRank, adapted
from crossmodal.errors import UserError
from crossmodal.models import clip

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


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**31), st.floats(0.1, 64))
def test_query_key_value_equal_loralib(rank: int, batch: int, seed: int, alpha: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    peer = loralib.MergedLinear(
        16, 48, r=rank, lora_alpha=alpha, enable_lora=[True] * 3, merge_weights=False
    )  # fmt: skip
    ours = LowRank(peer.weight, rank, alpha / rank, 3, generator)
    ours.lora_B.data.normal_(generator=generator)
    peer.lora_A.data, peer.lora_B.data = ours.lora_A.data, ours.lora_B.data
    x = torch.randn(batch, 16, generator=generator)
    expected = peer(x)
    tolerance = 1e-5 * float(expected.detach().abs().max())
    assert torch.allclose(functional.linear(x, ours(peer.weight), peer.bias), expected, atol=tolerance)


def test_a_layer_in_the_place_of_out_proj_is_without_effect(fresh, embed) -> None:
    """The first reason for a parametrization: attention reads the weight and never calls the layer."""
    model = fresh()
    attention = model.visual.transformer.resblocks[0].attn
    layer = loralib.Linear(64, 64, r=4, merge_weights=False)
    layer.load_state_dict(attention.out_proj.state_dict(), strict=False)
    before = embed(model)
    attention.out_proj = layer
    layer.lora_B.data.normal_()
    after = embed(model.train())
    after.sum().backward()
    assert torch.allclose(before, after, atol=1e-6)
    assert layer.lora_A.grad is None


def test_loralib_changes_the_base_weight_on_eval() -> None:
    """The second reason: merged into the weight, the factors have no gradient in an attack."""
    layer = loralib.Linear(8, 8, r=2)
    layer.lora_B.data.normal_()
    before = layer.weight.clone()
    layer.eval()
    assert not torch.equal(layer.weight, before)


@pytest.fixture(scope="module")
def peft_doubles_out_proj() -> bool:
    """Whether this peft adds out_proj's term twice (0.21.2 does; huggingface/peft pull request 3774)."""
    module = nn.Sequential(nn.MultiheadAttention(8, 2))
    config = peft.LoraConfig(r=2, target_modules=["0"], init_lora_weights=False)
    model = peft.get_peft_model(deepcopy(module), config)
    delta = model.base_model.model[0].base_layer.out_proj.get_delta_weight("default")
    change = model.merge_and_unload()[0].out_proj.weight - module[0].out_proj.weight
    return bool(torch.allclose(change, 2 * delta, atol=1e-6))


def peft_delta(model: nn.Module, path: str) -> torch.Tensor:
    """What peft adds to the weight at `path`, by its own account."""
    return model.get_submodule(path.replace("attn.out_proj", "attn.base_layer.out_proj")).get_delta_weight(
        "default"
    )


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments:UserWarning")
@pytest.mark.parametrize("scaling", ["alpha/r", "alpha/sqrt(r)"])
@pytest.mark.parametrize(("placement", "towers"), itertools.product(PLACEMENTS, TOWERS))
def test_peft_opens_our_file(
    fresh, params, embed, tmp_path: Path, peft_doubles_out_proj, placement, towers, scaling
) -> None:
    model, theirs = fresh(), fresh()
    lora = params("lora", rank=3, alpha=5.0, placement=placement, towers=towers, scaling=scaling)
    methods.attach(model, lora, seed=1)
    disturb(model)
    methods.save_adapter(
        model, lora, tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    )
    opened = peft.PeftModel.from_pretrained(theirs, str(tmp_path)).eval()
    with torch.no_grad():
        for path, name, term in adapted(model):
            original = getattr(model.get_submodule(path).parametrizations, name).original
            assert torch.allclose(peft_delta(theirs, path), term(original) - original, atol=1e-6)
        if placement == "qkv" or not peft_doubles_out_proj:
            expected = embed(model)
            assert (embed(theirs) - expected).abs().max() <= 1e-5
            assert (embed(opened.merge_and_unload()) - expected).abs().max() <= 1e-5
            assert (expected - embed(fresh())).abs().max() > 1e-3


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments:UserWarning")
def test_peft_writes_the_same_tensors(fresh, params, tmp_path: Path) -> None:
    model, lora = fresh(), params("lora", rank=3, placement="qkvo+mlp")
    methods.attach(model, lora, seed=1)
    disturb(model)
    methods.save_adapter(
        model, lora, tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    )
    peft.PeftModel.from_pretrained(fresh(), str(tmp_path)).save_pretrained(tmp_path / "again")
    ours = load_file(tmp_path / "adapter_model.safetensors")
    theirs = load_file(tmp_path / "again" / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], value) for key, value in theirs.items())


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 64), st.sampled_from(PLACEMENTS), st.sampled_from(TOWERS), st.integers(0, 2**31))
def test_packing_is_exact(bases, params, rank: int, placement: str, towers: str, seed: int) -> None:
    model, other = deepcopy(bases["torch"]), deepcopy(bases["torch"])
    lora = params("lora", rank=rank, placement=placement, towers=towers)
    methods.attach(model, lora, seed)
    methods.attach(other, lora, seed + 1)
    disturb(model)
    peft_layout.unpack(adapted(other), peft_layout.pack(adapted(model)))
    for (_, _, ours), (_, _, theirs) in zip(adapted(model), adapted(other), strict=True):
        assert torch.equal(ours.lora_A, theirs.lora_A)
        assert torch.equal(ours.lora_B, theirs.lora_B)


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


def test_a_tower_without_attention_is_one_line(params) -> None:
    config = clip.read_config(Path(clip.__file__).parent / "configs" / "vit-nano-32.json")
    config["model_cfg"]["vision_cfg"] = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16}
    with torch.device("meta"):
        model = clip.build_clip(config)
    with pytest.raises(UserError, match="the image tower has no fused attention"):
        methods.attach(model, params("lora", rank=2), seed=0)


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
