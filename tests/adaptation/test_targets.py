"""Which weights of a tower are adapted, on architectures without weights."""

import open_clip
import pytest
import timm
import torch
import transformers
from torch import nn

from crossmodal.adaptation.targets import find_targets
from crossmodal.models import clip

PLACEMENTS = ("qkv", "qkvo", "qkvo+mlp")
BERT = (
    "attention.self.query attention.self.key attention.self.value attention.output.dense"
    " intermediate.dense output.dense"
)
TEXT_TOWERS = {
    "bert": (transformers.BertConfig(num_hidden_layers=1), "text.encoder.layer.0", BERT),
    "roberta": (transformers.RobertaConfig(num_hidden_layers=1), "text.encoder.layer.0", BERT),
    "mt5": (
        transformers.MT5Config(num_layers=1, num_decoder_layers=0),
        "text.encoder.block.0.layer",
        "0.SelfAttention.q 0.SelfAttention.k 0.SelfAttention.v 0.SelfAttention.o"
        " 1.DenseReluDense.wi_0 1.DenseReluDense.wi_1 1.DenseReluDense.wo",
    ),
    "m2m_100": (
        transformers.M2M100Config(encoder_layers=1, decoder_layers=0),
        "text.encoder.layers.0",
        "self_attn.q_proj self_attn.k_proj self_attn.v_proj self_attn.out_proj fc1 fc2",
    ),
}


def names(model: nn.Module, placement: str, tower: str) -> list[str]:
    return [target.path for target in find_targets(model, placement, tower, "lora")]


def image_tower(architecture: str) -> nn.Module:
    with torch.device("meta"):
        return nn.ModuleDict({"visual": timm.create_model(architecture, pretrained=False)})


@pytest.mark.parametrize("kind", TEXT_TOWERS)
def test_text_towers_of_hugging_face(kind: str) -> None:
    """The architectures that open_clip takes."""
    config, layer, projections = TEXT_TOWERS[kind]
    with torch.device("meta"):
        model = nn.ModuleDict({"text": transformers.AutoModel.from_config(config)})
    expected = [f"{layer}.{name}" for name in projections.split()]
    for placement, count in zip(PLACEMENTS, (3, 4, len(expected)), strict=True):
        assert sorted(names(model, placement, "text")) == sorted(expected[:count])


def test_a_vit_of_timm() -> None:
    layers = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    for placement, count in zip(PLACEMENTS, (1, 2, 4), strict=True):
        expected = [f"visual.blocks.{n}.{name}" for n in range(12) for name in layers[:count]]
        assert names(image_tower("vit_tiny_patch16_224"), placement, "image") == expected


@pytest.mark.parametrize("architecture", ["swin_tiny_patch4_window7_224", "eva02_tiny_patch14_224"])
def test_other_transformers_of_timm(architecture: str) -> None:
    found = [names(image_tower(architecture), placement, "image") for placement in PLACEMENTS]
    assert 0 < len(found[0]) < len(found[1]) < len(found[2])
    assert not any("pool" in name or "head" in name for name in found[2])


@pytest.mark.parametrize("architecture", ["fastvit_t8", "convnext_atto", "efficientnet_b0", "resnet26"])
def test_convolutional_towers_of_timm(architecture: str) -> None:
    """There the placement makes no difference. ConvNeXt writes its 1×1 convolutions as linear layers."""
    tower = image_tower(architecture)
    pointwise = [
        path
        for path, module in tower.named_modules()
        if (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1)
        or path.endswith(("mlp.fc1", "mlp.fc2"))
    ]
    assert len(pointwise) > 15
    for placement in PLACEMENTS:
        assert names(tower, placement, "image") == pointwise


def test_the_studys_towers(build_towers) -> None:
    """Each 1×1 convolution of EfficientNet-Lite0 up to its head, and MiniLM's layers; neither's projection."""
    model = build_towers(image="tf_efficientnet_lite0")
    image = ["visual.trunk.blocks.0.0.conv_pw"]
    for stage, count in enumerate((2, 2, 3, 3, 4, 1), start=1):
        for block in range(count):
            image += [f"visual.trunk.blocks.{stage}.{block}.{name}" for name in ("conv_pw", "conv_pwl")]
    image.append("visual.trunk.conv_head")
    for placement, count in zip(PLACEMENTS, (3, 4, 6), strict=True):
        layers = [
            f"text.transformer.encoder.layer.{i}.{name}" for i in range(2) for name in BERT.split()[:count]
        ]
        assert names(model, placement, "image") == image
        assert sorted(names(model, placement, "text")) == sorted(layers)
        assert names(model, placement, "both") == image + names(model, placement, "text")


def test_grouped_convolutions_are_left_out() -> None:
    tower = nn.Sequential(nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3))
    assert names(nn.ModuleDict({"visual": tower}), "qkv", "image") == ["visual.1"]


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-16-SigLIP", "RN50", "convnext_base"])
def test_text_and_image_towers_of_open_clip(name: str) -> None:
    """Every projection belongs to a tower, and none to what only pools from three separate weights."""
    config = open_clip.get_model_config(name)
    with torch.device("meta"):
        model = clip.build_clip(
            {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
        )
    image, text, both = (names(model, "qkvo+mlp", towers) for towers in ("image", "text", "both"))
    assert both == image + text
    assert all(path.startswith("visual.") for path in image) and len(image) > 20
    assert not any("pool" in path for path in image)
    prefix = "text.transformer.resblocks." if config.get("custom_text") else "transformer.resblocks."
    assert all(path.startswith(prefix) for path in text)
    assert len(text) == 4 * 12
