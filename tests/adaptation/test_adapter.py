"""Bottleneck adapters: the identity at the start, their place, their counts."""

import itertools
from copy import deepcopy

import peft
import pytest
import torch
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods
from crossmodal.adaptation.adapter import Adapter
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.scratch_params import CONFIGS

GRID = list(itertools.product(("both", "image", "text"), ("torch", "open_clip")))
grid = pytest.mark.parametrize(("towers", "attention"), GRID)


def adapters(model: nn.Module) -> dict[str, Adapter]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Adapter)}


def disturb(model: nn.Module) -> None:
    """Give `up` values, as training does: at zero `down` has no gradient and no effect."""
    generator = torch.Generator().manual_seed(7)
    for adapter in adapters(model).values():
        adapter.up.weight.data.normal_(std=0.1, generator=generator)
        adapter.up.bias.data.normal_(std=0.1, generator=generator)


@grid
def test_the_start_is_the_base_model(bases, fresh, params, embed, towers, attention) -> None:
    model = fresh(attention)
    methods.attach(model, params("adapter", bottleneck=8, towers=towers), seed=1)
    for training, grad in itertools.product((True, False), (True, False)):
        # In eval() torch's attention takes a fused path that rounds differently where nothing has a gradient.
        reference = deepcopy(bases[attention]).train(training).requires_grad_(grad)
        with torch.set_grad_enabled(grad):
            difference = (embed(model.train(training)) - embed(reference)).abs().max()
        assert difference == 0 or (grad and not training and difference < 1e-6)


@grid
def test_one_in_every_block_of_the_chosen_towers(fresh, params, embed, towers, attention) -> None:
    model = fresh(attention)
    methods.attach(model, params("adapter", bottleneck=8, towers=towers), seed=1)
    places = [f"{prefix}transformer.resblocks.{i}.attn.adapter"
              for tower, prefix in (("image", "visual."), ("text", "")) for i in range(2)
              if towers in ("both", tower)]  # fmt: skip
    assert set(adapters(model)) == set(places)
    disturb(model)
    for training in (True, False):
        model.zero_grad(set_to_none=True)
        embed(model.train(training))[:, 0].sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == (".adapter." in name)
            assert (parameter.grad is not None) == parameter.requires_grad
            assert not parameter.requires_grad or parameter.grad.abs().max() > 0


@pytest.mark.parametrize("attention", ["torch", "open_clip"])
def test_a_block_is_the_formula_written_out(fresh, params, attention) -> None:
    model = fresh(attention)
    base = deepcopy(model.visual.transformer.resblocks[0])
    methods.attach(model, params("adapter", bottleneck=8, towers="image"), seed=1)
    disturb(model)
    block = model.visual.transformer.resblocks[0]
    adapter = block.attn.adapter
    x = torch.randn(3, 5, 64, generator=torch.Generator().manual_seed(2))
    inner = base.ln_1(x)
    attended = base.attention(inner) if attention == "torch" else base.attn(inner)
    down = attended @ adapter.down.weight.T + adapter.down.bias
    attended = attended + functional.gelu(down) @ adapter.up.weight.T + adapter.up.bias
    expected = x + attended
    expected = expected + base.mlp(base.ln_2(expected))
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=0)


@pytest.mark.slow  # builds ViT-B/32
@pytest.mark.parametrize(("bottleneck", "share"), [(64, 1.31), (128, 2.61), (256, 5.21)])
def test_counts_of_vit_b_32(vit_b_32, params, bottleneck, share) -> None:
    model = vit_b_32()
    methods.attach(model, params("adapter", bottleneck=bottleneck), seed=0)
    counts = methods.parameter_counts(model)
    assert counts["total"] == 151_277_313
    assert round(100 * counts["share"], 2) == share
    for width, key in ((768, "trainable_image"), (512, "trainable_text")):
        assert counts[key] == 12 * (width * bottleneck + bottleneck + bottleneck * width + width)
    assert counts["trainable"] == {64: 1_982_976, 128: 3_950_592, 256: 7_885_824}[bottleneck]


def test_a_copy_has_adapters_of_its_own(fresh, params, embed, train) -> None:
    model = fresh()
    methods.attach(model, params("adapter", bottleneck=8), seed=0)
    disturb(model)
    copy = deepcopy(model)
    with torch.no_grad():
        before = embed(model)
        assert torch.equal(embed(copy), before)
    train(copy)
    with torch.no_grad():
        assert torch.equal(embed(model), before)
        assert not torch.allclose(embed(copy), before, atol=1e-3)


def test_attention_that_pools_is_no_block(params) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["vision_cfg"] |= {"attentional_pool": True, "attn_pooler_heads": 2}
    with torch.device("meta"):
        model = clip.build_clip(config)
    methods.attach(model, params("adapter", bottleneck=8, towers="image"), seed=0)
    assert set(adapters(model)) == {f"visual.transformer.resblocks.{i}.attn.adapter" for i in range(2)}


def test_a_vision_transformer_of_timm(params) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["vision_cfg"] = {
        "image_size": 32, "timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear",
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = clip.build_clip(config)
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = model.encode_image(pixels)
        methods.attach(model, params("adapter", bottleneck=8), seed=0)
        assert torch.equal(model.encode_image(pixels), before)
        image = [name for name in adapters(model) if name.startswith("visual.")]
        assert len(image) == len(model.visual.trunk.blocks)
        disturb(model)
        assert not torch.allclose(model.encode_image(pixels), before, atol=1e-3)


def test_a_tower_without_blocks_is_one_line(params) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["vision_cfg"] = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16}
    with torch.device("meta"):
        model = clip.build_clip(config)
    with pytest.raises(UserError, match="adapter: the image tower has no blocks") as error:
        methods.attach(model, params("adapter"), seed=0)
    assert "\n" not in str(error.value)
    methods.attach(model, params("adapter", towers="text"), seed=0)


def test_peft_has_no_adapters_of_this_kind() -> None:
    """Why the tensors are not in peft's layout; should this fail, peft has learnt it."""
    assert not {"ADAPTER", "BOTTLENECK", "HOULSBY"} & {kind.name for kind in peft.PeftType}
