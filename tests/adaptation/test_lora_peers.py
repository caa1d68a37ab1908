"""LoRA beside its peers: loralib's layers, and peft opening what we save."""

import itertools
from copy import deepcopy
from pathlib import Path

import loralib
import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods, peft_layout
from crossmodal.adaptation.low_rank import LowRank, adapted

PLACEMENTS = ("qkv", "qkvo", "qkvo+mlp")
TOWERS = ("both", "image", "text")


def disturb(model: nn.Module) -> None:
    """Give B values, as training does: with B zero A has no gradient and no effect."""
    generator = torch.Generator().manual_seed(7)
    for _, _, term in adapted(model):
        term.lora_B.data.normal_(std=0.1, generator=generator)


@settings(max_examples=30)
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


@settings(max_examples=15)
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
