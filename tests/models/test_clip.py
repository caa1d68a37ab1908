import json
import string
from pathlib import Path

import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.model import CLIP

from crossmodal.errors import UserError
from crossmodal.models import clip, dual_encoder

CAPTIONS = ["a red octopus", "an octopus! with a hat, three eyes, and much more to say " * 3, "", "!"]
TOKENIZER = open_clip.tokenizer.SimpleTokenizer(context_length=24)


def paths(folder: Path) -> tuple[Path, Path]:
    return folder / "open_clip_config.json", folder / "open_clip_model.safetensors"


def pixels(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_saved_and_loaded_is_the_same_model(nano: CLIP, folder: Path) -> None:
    loaded = clip.load_clip(*paths(folder))
    assert not loaded.training
    assert loaded.config == nano.config
    assert loaded.state_dict().keys() == nano.state_dict().keys()
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in nano.state_dict().items())
    assert torch.equal(
        dual_encoder.encode_images(nano, pixels()), dual_encoder.encode_images(loaded, pixels())
    )


def test_open_clip_opens_the_saved_folder(nano: CLIP, folder: Path) -> None:
    theirs, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in nano.state_dict().items())
    mean = torch.tensor(preprocess.transforms[-1].mean).view(3, 1, 1)
    std = torch.tensor(preprocess.transforms[-1].std).view(3, 1, 1)
    theirs.eval()
    expected = theirs.encode_image((pixels() - mean) / std, normalize=True)
    assert torch.allclose(dual_encoder.encode_images(nano, pixels()), expected, atol=1e-6)


def test_loading_leaves_the_random_state(folder: Path) -> None:
    before = torch.random.get_rng_state()
    clip.load_clip(*paths(folder))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("keep", [0, 100, 50_000])
def test_truncated_weights_are_one_line(folder: Path, keep: int) -> None:
    config, weights = paths(folder)
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(UserError, match="not a readable safetensors") as error:
        clip.load_clip(config, weights)
    assert "\n" not in str(error.value)


def test_missing_files_are_named(folder: Path) -> None:
    config, weights = paths(folder)
    with pytest.raises(UserError, match=r"other\.safetensors: no such weights file"):
        clip.load_clip(config, folder / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.json: no such model configuration"):
        clip.load_clip(folder / "other.json", weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model_cfg"]["vision_cfg"].update(width=96), "does not fit the model"),
        (lambda c: c["model_cfg"]["text_cfg"].update(layers=3), "does not fit the model"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(widht=64), "widht"),
        (lambda c: c.pop("model_cfg"), "model_cfg"),
        (lambda c: c["preprocess_cfg"].pop("mean"), "mean"),
        (lambda c: c["model_cfg"].update(custom_text=True), "does not fit the model"),
        (lambda c: c["model_cfg"].update(multimodal_cfg={}), "text decoder"),
        (lambda c: c["model_cfg"].update(text_cfg="clip"), "not an open_clip configuration"),
        (lambda c: c["model_cfg"]["vision_cfg"].update(timm_model_name="vit_tyni"), "vit_tyni"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_line(folder: Path, change, message: str) -> None:
    config, weights = paths(folder)
    values = json.loads(config.read_text())
    change(values)
    config.write_text(json.dumps(values))
    with pytest.raises(UserError, match=message) as error:
        clip.load_clip(config, weights)
    assert "\n" not in str(error.value)


def test_broken_json_is_one_line(folder: Path) -> None:
    config, weights = paths(folder)
    for text in ("{", "[]"):
        config.write_text(text)
        with pytest.raises(UserError):
            clip.load_clip(config, weights)


def test_sizes(nano: CLIP) -> None:
    assert (clip.image_size(nano), clip.context_length(nano), clip.embedding_size(nano)) == (32, 24, 64)


def test_pixels_are_scaled_and_channels_first() -> None:
    images = torch.randint(0, 256, (2, 5, 7, 3), dtype=torch.uint8)
    result = dual_encoder.to_pixels(images)
    assert result.shape == (2, 3, 5, 7)
    assert result.dtype == torch.float32
    assert torch.equal((result * 255).round().to(torch.uint8).permute(0, 2, 3, 1), images)
    assert dual_encoder.to_pixels(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).max() == 1.0


def test_normalisation_happens_inside(nano: CLIP) -> None:
    mean, std = nano.config["preprocess_cfg"]["mean"], nano.config["preprocess_cfg"]["std"]
    normalised = torch.stack([(pixels()[:, c] - mean[c]) / std[c] for c in range(3)], dim=1)
    expected = nano.encode_image(normalised, normalize=True)
    assert torch.allclose(dual_encoder.encode_images(nano, pixels()), expected, atol=1e-6)


def test_tokens_are_open_clips(nano: CLIP) -> None:
    tokens = clip.tokenize(nano, CAPTIONS)
    assert tokens.dtype == torch.int64
    assert torch.equal(tokens, TOKENIZER(CAPTIONS))


@pytest.mark.parametrize("grad", [True, False])
def test_no_perturbation_is_open_clips_own_encoding(nano: CLIP, grad: bool) -> None:
    tokens = clip.tokenize(nano, CAPTIONS)
    with torch.set_grad_enabled(grad):
        expected = nano.encode_text(tokens, normalize=True)
        zeros = torch.zeros_like(dual_encoder.embed_tokens(nano, tokens))
        assert torch.equal(dual_encoder.encode_texts(nano, tokens), expected)
        assert torch.equal(dual_encoder.encode_texts(nano, tokens, zeros), expected)
    assert not nano.token_embedding._forward_hooks


def test_a_perturbation_is_added_before_the_position(nano: CLIP) -> None:
    """Moving every token to another one's embedding is the same as encoding the other caption."""
    ours, other = clip.tokenize(nano, ["a red octopus", "a tiny umbrella"])[:, None]
    delta = dual_encoder.embed_tokens(nano, other) - dual_encoder.embed_tokens(nano, ours)
    # Both captions have three words, so the end token that is pooled stands at the same place.
    assert torch.equal(ours.argmax(-1), other.argmax(-1))
    moved = dual_encoder.encode_texts(nano, ours, delta)
    assert torch.allclose(moved, dual_encoder.encode_texts(nano, other), atol=1e-5)
    assert not torch.allclose(moved, dual_encoder.encode_texts(nano, ours), atol=1e-3)


def test_a_perturbation_has_a_gradient_at_words(nano: CLIP) -> None:
    tokens = clip.tokenize(nano, ["a red octopus"])
    delta = torch.zeros_like(dual_encoder.embed_tokens(nano, tokens)).detach().requires_grad_()
    dual_encoder.encode_texts(nano, tokens, delta)[0, 0].backward()
    assert delta.grad is not None
    at_words = delta.grad[dual_encoder.perturbable(tokens)]
    assert (at_words.norm(dim=-1) > 0).all()


def test_embeddings_have_unit_length(nano: CLIP) -> None:
    for vectors in (
        dual_encoder.encode_images(nano, pixels()),
        dual_encoder.encode_texts(nano, clip.tokenize(nano, CAPTIONS)),
    ):
        assert vectors.dtype == torch.float32
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(len(vectors)), atol=1e-6)


@settings(max_examples=60)
@given(st.lists(st.text(string.ascii_letters + " !?.,'0éß水🐙", max_size=80), min_size=1, max_size=4))
def test_perturbable_are_the_words(nano: CLIP, captions: list[str]) -> None:
    mask = dual_encoder.perturbable(clip.tokenize(nano, captions))
    for row, caption in zip(mask, captions, strict=True):
        words = min(len(TOKENIZER.encode(caption)), 22)
        assert row.tolist() == [False] + [True] * words + [False] * (23 - words)


def test_scale_and_token_norm(nano: CLIP) -> None:
    assert dual_encoder.logit_scale(nano).item() == pytest.approx(1 / 0.07, rel=1e-5)
    slow = sum(float(row.pow(2).sum().sqrt()) for row in nano.token_embedding.weight[:2000].detach()) / 2000
    assert dual_encoder.mean_token_norm(nano) == pytest.approx(slow, rel=0.02)
    captions = ["a red fox!", "two red foxes", "a!"]  # "!" is a word, although padding has its id
    ids = {number for caption in captions for number in TOKENIZER.encode(caption)}
    norms = [float(nano.token_embedding.weight[number].detach().norm()) for number in ids]
    unit = dual_encoder.mean_token_norm(nano, clip.tokenize(nano, captions))
    assert unit == pytest.approx(sum(norms) / len(norms), rel=1e-5)


def test_saving_an_unmerged_adapter_is_refused(nano: CLIP, tmp_path: Path) -> None:
    from copy import deepcopy

    from crossmodal import registry
    from crossmodal.adaptation import methods

    model = deepcopy(nano)
    methods.attach(model, registry.parse("adaptation", {"kind": "lora", "rank": 2}), seed=0)
    with pytest.raises(ValueError, match="merge"):
        clip.save_clip(model, tmp_path / "c.json", tmp_path / "w.safetensors")
