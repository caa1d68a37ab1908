"""Token states are what the towers pool: for words and for places, in every kind of tower."""

import copy
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP
from tests.models.tiny_towers import CAPTIONS, create, pixels
from torch.nn import functional

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder, projections, scratch, token_states
from crossmodal.models.scratch_params import Params


@pytest.fixture
def towers(bert: Path) -> CLIP:
    return create({"size": 64}, {"weights": "folder", "folder": str(bert)})


@torch.no_grad()
def test_where_a_tower_pools_by_the_mean_the_mean_of_the_states_is_the_embedding(towers: CLIP) -> None:
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    states = token_states.image_states(towers, images, grid=8)
    assert states.shape == (3, 4, 16) and states.dtype == torch.float32
    torch.testing.assert_close(
        functional.normalize(states.mean(dim=1), dim=-1), dual_encoder.encode_images(towers, images)
    )
    torch.testing.assert_close(
        token_states.image_states(towers, images, grid=1)[:, 0], states.mean(dim=1), atol=1e-5, rtol=1e-4
    )
    tokens = clip.tokenize(towers, CAPTIONS)
    words, counts = token_states.text_states(towers, tokens)
    assert counts.sum(dim=1).tolist() == [5, 4, 8]  # start, words, end; the last is cut at the context
    mean = (words * counts[..., None]).sum(dim=1) / counts.sum(dim=1, keepdim=True)
    torch.testing.assert_close(functional.normalize(mean, dim=-1), dual_encoder.encode_texts(towers, tokens))


@torch.no_grad()
def test_in_a_transformer_the_last_word_that_counts_is_the_embedding(nano: CLIP) -> None:
    tokens = clip.tokenize(nano, CAPTIONS)
    words, counts = token_states.text_states(nano, tokens)
    last = words[torch.arange(3), counts.sum(dim=1) - 1]
    torch.testing.assert_close(functional.normalize(last, dim=-1), dual_encoder.encode_texts(nano, tokens))
    assert counts[:2].sum(dim=1).tolist() == [5, 4]


@torch.no_grad()
def test_the_patches_of_a_transformer_are_those_that_open_clip_returns(nano: CLIP) -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    nano.visual.output_tokens = True
    try:
        _, patches = nano.visual((images - nano.pixel_mean) / nano.pixel_std)
    finally:
        nano.visual.output_tokens = False
    expected = projections.projection(nano, "image")(patches)
    torch.testing.assert_close(token_states.image_states(nano, images, grid=99), expected)
    halved = token_states.image_states(nano, images, grid=2)
    side = round(expected.shape[1] ** 0.5)
    by_place = expected.reshape(2, 2, side // 2, 2, side // 2, -1).mean(dim=(2, 4)).flatten(1, 2)
    torch.testing.assert_close(halved, by_place, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["coop", "vpt", "maple", "lora"])
@torch.no_grad()
def test_an_adapter_is_part_of_the_tower(method: str) -> None:
    model = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    images, tokens = pixels(), clip.tokenize(model, ["a hat"])
    bare = token_states.image_states(model, images, 4).shape
    methods.attach(model, registry.parse("adaptation", {"kind": method}), seed=0)
    assert token_states.image_states(model, images, 4).shape == bare
    words, counts = token_states.text_states(model, tokens)
    last = words[0, counts.sum() - 1]
    torch.testing.assert_close(
        functional.normalize(last, dim=-1), dual_encoder.encode_texts(model, tokens)[0]
    )


def test_a_tower_without_a_map_of_places_is_one_line(nano: CLIP) -> None:
    model = copy.deepcopy(nano)
    model.visual.final_ln_after_pool = True  # then nothing but what is pooled is normalised
    with pytest.raises(UserError, match="VisionTransformer has no map of places") as error:
        token_states.image_states(model, torch.zeros(1, 3, 32, 32), 4)
    assert "\n" not in str(error.value)
