"""Convolutional image towers work channels-last; what they compute and what is saved stays the same."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.model import CLIP

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.models import clip, dual_encoder, encoder_costs

TOWERS: dict[str, tuple[dict[str, Any], bool]] = {
    "efficientnet": ({"timm_model_name": "test_efficientnet"}, True),
    "convnext": ({"timm_model_name": "test_convnext"}, True),
    "resnet": ({"layers": [1, 1, 1, 1], "width": 8, "head_width": 8}, True),
    "vit": ({"patch_size": 8, "width": 32, "layers": 1, "head_width": 16}, False),
    "timm_vit": ({"timm_model_name": "test_vit"}, False),
}


def build(tower: str) -> CLIP:
    size = 160 if tower == "timm_vit" else 32
    config = {
        "model_cfg": {
            "embed_dim": 16,
            "vision_cfg": {"image_size": size, **TOWERS[tower][0]},
            "text_cfg": {"context_length": 8, "width": 32, "heads": 2, "layers": 1},
        },
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(config)


def is_channels_last(model: CLIP) -> bool:
    """Of the weights whose layout can be told: more than one channel and more than one pixel."""
    weights = [p for p in model.visual.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    layouts = {p.is_contiguous(memory_format=torch.channels_last) for p in weights}
    assert len(layouts) == 1
    return layouts.pop()


def embed(model: CLIP) -> torch.Tensor:
    size = clip.image_size(model)
    pixels = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return dual_encoder.encode_images(model, pixels)


@pytest.mark.parametrize("tower", TOWERS)
def test_convolutions_only(tower: str) -> None:
    model = build(tower)
    assert is_channels_last(model) == TOWERS[tower][1]
    plain = deepcopy(model)
    plain.visual.to(memory_format=torch.contiguous_format)
    if TOWERS[tower][1]:
        assert not is_channels_last(plain) and is_channels_last(deepcopy(model))
        assert torch.allclose(embed(model), embed(plain), atol=1e-6)
    else:
        assert torch.equal(embed(model), embed(plain))


@pytest.mark.parametrize("tower", ["efficientnet", "resnet"])
def test_saved_loaded_and_moved(tower: str, tmp_path: Path) -> None:
    model = build(tower)
    files = tmp_path / "config.json", tmp_path / "model.safetensors"
    clip.save_clip(model, *files)
    loaded = clip.load_clip(*files)
    assert is_channels_last(loaded) and is_channels_last(loaded.to("cpu").float())
    assert torch.equal(embed(loaded), embed(model))
    assert all(tensor.is_contiguous() for tensor in clip.read_tensors(files[1]).values())
    with torch.device("meta"):
        clip.build_clip(model.config)


@pytest.mark.parametrize("kind", ["full", "lora", "adapter"])
def test_what_is_timed_works_channels_last_as_what_embeds_does(kind: str) -> None:
    """Merged or not: the activations of every convolution of several pixels and channels."""
    values = registry.parse("adaptation", {"kind": kind})
    model, unmerged = build("efficientnet"), build("efficientnet")
    for one in (model, unmerged):
        methods.attach(one, values, 0)
    methods.merge(model, values)
    assert is_channels_last(model)
    for one in (model, unmerged):
        layouts: set[bool] = set()

        def note(_module: object, _args: object, output: torch.Tensor, seen: set[bool] = layouts) -> None:
            if output.shape[1] > 1 and output.shape[2] > 1:
                seen.add(output.is_contiguous(memory_format=torch.channels_last))

        for module in one.visual.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.register_forward_hook(note)
        with torch.inference_mode():
            encoder_costs._image_call(one, 2)()
        assert layouts == {True}
