"""The image tower in two parts is the image tower, whatever it ends in."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.tiny_towers import OWN_TEXT, create, pixels
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.image_projection import split_projection
from crossmodal.registry import parse

RESNET = {"layers": [1, 1, 1, 1], "width": 8, "image_size": 32, "patch_size": None}
TIMM = {"timm_model_name": "test_efficientnet", "timm_pool": "avg", "image_size": 32}


def of_open_clip(vision: dict[str, Any]) -> CLIP:
    text = {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    architecture = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text, "custom_text": True}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.25] * 3}
        return clip.build_clip({"model_cfg": architecture, "preprocess_cfg": preprocess})


def check(model: CLIP, width: int | None) -> None:
    """`width` is that of the features before the projection, None where there is no projection."""
    d = clip.embedding_size(model)
    features, weight, bias = split_projection(model)
    with torch.no_grad():
        found, whole = features(pixels()), dual_encoder.image_features(model, pixels())
        torch.testing.assert_close(functional.linear(found, weight, bias), whole, atol=1e-6, rtol=1e-6)
        images = (pixels() - model.pixel_mean) / model.pixel_std
        torch.testing.assert_close(whole, model.encode_image(images), atol=1e-6, rtol=0)
        assert torch.equal(features(pixels()), found), "the model has its projection back, and loses it again"
    assert found.shape == (3, width or d) and weight.shape == (d, width or d)
    assert found.dtype == weight.dtype == torch.float32 and weight.is_contiguous()
    assert not weight.requires_grad and (width is not None or torch.equal(weight, torch.eye(d)))
    # What is handed out is a copy.
    weight.zero_()
    with torch.no_grad():
        assert torch.equal(dual_encoder.image_features(model, pixels()), whole)


def test_a_vision_transformer(nano: CLIP) -> None:
    _, weight, bias = split_projection(nano)
    assert weight.shape == (64, 64) and bias is None
    assert torch.equal(weight, nano.visual.proj.T)
    check(nano, 64)


def test_a_timm_network_with_a_linear_projection() -> None:
    model = create({}, OWN_TEXT)
    assert isinstance(model.visual.head.proj, nn.Linear)
    check(model, model.visual.head.proj.in_features)


def test_a_projection_in_the_place_of_the_classifier_has_a_bias() -> None:
    model = create({"architecture": "mobilenetv4_conv_small_035"}, OWN_TEXT)
    assert split_projection(model).bias is not None
    check(model, model.visual.trunk.classifier.in_features)


@pytest.mark.parametrize("vision", [RESNET, TIMM | {"timm_proj": "mlp"}], ids=["resnet", "mlp"])
def test_a_tower_without_one_is_all_features(vision: dict[str, Any]) -> None:
    check(of_open_clip(vision).eval(), None)


def test_an_adapter_goes_along(nano: CLIP, folder: Path) -> None:
    """Prompts of the image tower are read, and a low-rank change of the projection is in the weight."""
    model = clip.load_clip(folder / "open_clip_config.json", folder / "open_clip_model.safetensors")
    methods.attach(model, parse("adaptation", {"kind": "vpt"}), seed=0)
    split = split_projection(model.eval())
    with torch.no_grad():
        plain = dual_encoder.image_features(nano, pixels())
        found = functional.linear(split.features(pixels()), split.weight, split.bias)
        torch.testing.assert_close(found, dual_encoder.image_features(model, pixels()), atol=1e-6, rtol=1e-6)
        assert not torch.allclose(found, plain, atol=1e-4)
