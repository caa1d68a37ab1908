"""Adapters and unfrozen blocks in a convolutional tower, and adapters in a BERT."""

from copy import deepcopy

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods
from crossmodal.adaptation.adapter import Adapter
from crossmodal.adaptation.blocks import convolutional_blocks, last_blocks
from crossmodal.adaptation.initialisation import linear, pointwise
from crossmodal.errors import UserError

KIN = ["test_efficientnet", "tf_efficientnet_lite0", "tf_efficientnetv2_b0", "mobilenetv3_small_050",
       "mobilenetv4_conv_small_035", "mnasnet_small"]  # fmt: skip
BLOCKS = [f"visual.trunk.blocks.{stage}.0" for stage in range(5)]
LAYERS = [f"text.transformer.encoder.layer.{i}" for i in range(2)]


def adapters(model: nn.Module) -> dict[str, Adapter]:
    return {name: module for name, module in model.named_modules() if isinstance(module, Adapter)}


def disturb(model: nn.Module) -> None:
    """Give `up` values, as training does: at zero `down` has no gradient and no effect."""
    generator = torch.Generator().manual_seed(7)
    for adapter in adapters(model).values():
        for parameter in adapter.up.parameters():
            parameter.data.normal_(std=0.1, generator=generator)


def images(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def lite(build_towers):
    """The study's image tower itself; no test changes it."""
    return build_towers(image="tf_efficientnet_lite0")


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "full"}, {"kind": "bitfit"}, {"kind": "lora", "rank": 20}, {"kind": "adapter", "bottleneck": 8},
        {"kind": "lora_blocks", "rank": 4, "blocks": 2}, {"kind": "adalora"},
    ],
    ids=lambda values: values["kind"],
)  # fmt: skip
def test_efficientnet_lite0_trained_saved_loaded_and_merged(
    lite, params, embed, train, tmp_path, values
) -> None:
    model, loaded, values = deepcopy(lite), deepcopy(lite), params(**values)
    methods.attach(model, values, seed=0)
    with torch.no_grad():
        assert torch.equal(embed(model), embed(lite))
    train(model, values)
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    methods.save_adapter(model, values, *files)
    methods.load_adapter(loaded, *files)
    statistics = {name: b for name, b in lite.state_dict().items() if "running_" in name}
    assert len(statistics) == 2 * 49
    assert all(torch.equal(model.state_dict()[name], buffer) for name, buffer in statistics.items())
    with torch.no_grad():
        assert torch.equal(embed(loaded), embed(model))
        assert not torch.allclose(embed(model), embed(lite), atol=1e-3)
        methods.merge(loaded, values)
        assert (embed(loaded) - embed(model)).abs().max() <= 1e-6


@pytest.mark.parametrize("towers_of", ["both", "image", "text"])
def test_one_in_every_block_of_the_chosen_towers(towers, params, towers_of) -> None:
    model = towers()
    methods.attach(model, params("adapter", bottleneck=8, towers=towers_of), seed=0)
    image = [f"{block}.adapter" for block in BLOCKS if towers_of != "text"]
    text = [f"{layer}.attention.output.dense.adapter" for layer in LAYERS if towers_of != "image"]
    assert list(adapters(model)) == image + text
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if ".adapter." in name}


def test_the_block_is_the_formula_written_out(towers_base, towers, params) -> None:
    model, block = towers(), towers_base.visual.trunk.blocks[3][0]
    methods.attach(model, params("adapter", bottleneck=8, towers="image"), seed=0)
    disturb(model)
    adapted = model.visual.trunk.blocks[3][0]
    down, up = adapted.adapter.down, adapted.adapter.up
    x = torch.randn(2, 32, 6, 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        y = block(x)
        hidden = torch.einsum("bc,nchw->nbhw", down.weight[:, :, 0, 0], y) + down.bias[:, None, None]
        added = torch.einsum("cb,nbhw->nchw", up.weight[:, :, 0, 0], functional.gelu(hidden))
        expected = y + added + up.bias[:, None, None]
        torch.testing.assert_close(adapted(x), expected, atol=1e-5, rtol=1e-5)


def test_the_layer_of_a_bert_is_the_formula_written_out(towers_base, towers, params) -> None:
    """After the projection of the attention and before its residual and norm."""
    model = towers()
    methods.attach(model, params("adapter", bottleneck=8, towers="text"), seed=0)
    disturb(model)
    layer, adapted = (m.text.transformer.encoder.layer[0] for m in (towers_base, model))
    adapter = adapted.attention.output.dense.adapter
    x = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        attended = layer.attention.output.dense(layer.attention.self(x)[0])
        down = functional.gelu(attended @ adapter.down.weight.T + adapter.down.bias)
        attended = attended + down @ adapter.up.weight.T + adapter.up.bias
        expected = layer.feed_forward_chunk(layer.attention.output.LayerNorm(attended + x))
        torch.testing.assert_close(adapted(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("architecture", KIN)
def test_every_block_of_the_kin_has_one_of_its_width(params, architecture) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trunk = timm.create_model(architecture, pretrained=False, num_classes=0).eval()
    widths: dict[str, int] = {}
    for path in convolutional_blocks(nn.ModuleDict({"visual": trunk}), "image"):
        block = trunk.get_submodule(path.removeprefix("visual."))
        block.register_forward_hook(lambda _m, _x, out, path=path: widths.update({path: out.shape[1]}))
    with torch.no_grad():
        before = trunk(images())
        model = nn.ModuleDict({"visual": trunk})
        methods.attach(model, params("adapter", bottleneck=8, towers="image"), seed=0)
        assert torch.equal(trunk(images()), before)
        disturb(model)
        assert not torch.allclose(trunk(images()), before, atol=1e-3)
    assert len(widths) == sum(len(stage) for stage in trunk.blocks)
    assert {f"{path}.adapter": width for path, width in widths.items()} == {
        path: adapter.down.in_channels for path, adapter in adapters(model).items()
    }
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable == sum(2 * 8 * width + 8 + width for width in widths.values())


def test_the_layout_of_memory_makes_no_difference(towers, params) -> None:
    model = towers()
    methods.attach(model, params("adapter", bottleneck=8), seed=0)
    disturb(model)
    with torch.no_grad():
        expected = model.encode_image(images())
        found = model.to(memory_format=torch.channels_last).encode_image(
            images().to(memory_format=torch.channels_last)
        )
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_1x1_convolution_is_drawn_as_a_linear_layer() -> None:
    like = torch.zeros(1)
    layers = [make(6, 4, torch.Generator().manual_seed(3), like) for make in (linear, pointwise)]
    assert torch.equal(layers[0].weight, layers[1].weight[:, :, 0, 0])
    assert torch.equal(layers[0].bias, layers[1].bias)


def test_a_convolutional_tower_without_such_blocks_is_one_line(build_towers, params) -> None:
    model = build_towers(image="test_convnext")
    with pytest.raises(UserError, match="adapter: the image tower has no blocks to adapt, ") as error:
        methods.attach(model, params("adapter"), seed=0)
    assert "\n" not in str(error.value)
    assert all(p.requires_grad for p in model.parameters())


def test_the_last_blocks_of_both_towers(towers, params) -> None:
    """What lies outside them has LoRA's terms, the convolution after the last block among it."""
    model, lora = towers(), towers()
    methods.attach(model, params("lora_blocks", rank=2, blocks=2), seed=0)
    methods.attach(lora, params("lora", rank=2), seed=0)
    last = tuple(f"{block}." for block in [*BLOCKS[-2:], *LAYERS[-2:]])
    assert [f"{block}." for block in last_blocks(towers(), "both", 2, "lora_blocks")] == list(last)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    terms = {name for name, p in lora.named_parameters() if p.requires_grad and not name.startswith(last)}
    whole = {name for name, _ in towers().named_parameters() if name.startswith(last)}
    assert trained == terms | whole
    assert any(name.startswith("visual.trunk.conv_head.") for name in terms)


def test_too_many_blocks_is_one_line(towers, params) -> None:
    for values, message in (
        ({"blocks": 6}, "blocks is 6, but the image tower has 5 inverted residual blocks"),
        ({"blocks": 3, "towers": "text"}, "blocks is 3, but the text tower has 2 transformer blocks"),
    ):
        model = towers()
        with pytest.raises(UserError, match=f"^lora_blocks: {message}$"):
            methods.attach(model, params("lora_blocks", **values), seed=0)
        assert model.state_dict().keys() == towers().state_dict().keys()


def test_bitfit_trains_the_biases_of_batch_norm(towers, params) -> None:
    """They are those of the convolutions before them; `layer_norm` speaks of the text tower."""
    for layer_norm in (True, False):
        model = towers()
        methods.attach(model, params("bitfit", layer_norm=layer_norm), seed=0)
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        biases = {name for name, _ in deepcopy(model).named_parameters() if name.endswith("bias")}
        assert trained == {name for name in biases if layer_norm or "LayerNorm" not in name}
        assert any(name.startswith("visual.trunk.blocks.1.0.bn1") for name in trained)
