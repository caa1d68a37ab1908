"""What holds for every method, and the definitions of those that only choose parameters."""

import json
from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.attacks.joint import attack_batch
from crossmodal.attacks.pgd_images_params import Params as ImageAttack
from crossmodal.attacks.pgd_texts_params import Params as TextAttack
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.dual_encoder import encode_images, encode_texts, mean_token_norm
from crossmodal.models.loss import contrastive_loss

METHODS = [
    {"kind": "zero_shot"},
    {"kind": "full"},
    {"kind": "linear"},
    {"kind": "bitfit"},
    {"kind": "bitfit", "layer_norm": False},
    {"kind": "lora", "rank": 2},
    {"kind": "lora", "rank": 2, "placement": "qkvo+mlp"},
    {"kind": "adapter", "bottleneck": 8},
    {"kind": "coop"},
    {"kind": "coop", "length": 8, "init": "normal"},
    {"kind": "vpt"},
    {"kind": "vpt", "depth": "deep"},
    {"kind": "maple"},
    {"kind": "maple", "layers": 1},
    {"kind": "cocoop"},
    {"kind": "cocoop", "towers": "text"},
    {"kind": "lora_blocks", "rank": 2, "blocks": 1},
    {"kind": "adalora", "initial_rank": 4, "target_rank": 2.0},
]
every_method = pytest.mark.parametrize("values", METHODS, ids=lambda v: "-".join(map(str, v.values())))
PROMPTS = ("coop", "vpt", "maple", "cocoop")
"""They put something new before a tower, so they do not start as the base model."""
UNMERGED = ("adapter", *PROMPTS)
"""What they add cannot be folded into weights."""


def files(folder: Path) -> tuple[Path, Path]:
    return folder / "adapter_config.json", folder / "adapter_model.safetensors"


def optimise(model: CLIP, params: object, train) -> None:
    if any(p.requires_grad for p in model.parameters()):
        train(model, params)


def bare(model: CLIP) -> dict[str, torch.Tensor]:
    """Return the tensors of the base model within `model`, by the base model's names."""
    named = {}
    for key, value in model.state_dict().items():
        parts = [part for part in key.split(".") if part not in ("parametrizations", "original")]
        named[".".join(parts)] = value
    return named


def test_the_kinds() -> None:
    assert {method["kind"] for method in METHODS} == set(registry.kinds("adaptation"))


@every_method
def test_attaching_changes_no_embedding_unless_it_prompts(values, base, fresh, embed) -> None:
    model = fresh()
    methods.attach(model, registry.parse("adaptation", values), seed=0)
    with torch.no_grad():
        assert torch.equal(embed(model), embed(base)) == (values["kind"] not in PROMPTS)


@every_method
def test_randomness_comes_from_the_seed_alone(values, fresh) -> None:
    params, states = registry.parse("adaptation", values), []
    before = torch.random.get_rng_state()
    for seed in (3, 3, 4):
        model = fresh()
        methods.attach(model, params, seed=seed)
        states.append({name: p.detach() for name, p in model.named_parameters() if p.requires_grad})
    assert torch.equal(before, torch.random.get_rng_state())
    same, other = (
        all(torch.equal(tensor, found[name]) for name, tensor in states[0].items()) for found in states[1:]
    )
    assert same
    drawn = values["kind"] not in ("zero_shot", "full", "linear", "bitfit") and values != {"kind": "coop"}
    assert other != drawn


@every_method
def test_the_base_weights_stay_as_they_are(values, base, fresh, embed, train) -> None:
    model, params = fresh(), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    optimise(model, params, train)
    embed(model.train())
    embed(model.eval())
    tensors = bare(model)
    for name, tensor in base.state_dict().items():
        assert name in trained or torch.equal(tensors[name], tensor), name


@every_method
def test_trained_saved_loaded_and_merged(values, base, fresh, embed, train, tmp_path) -> None:
    model, params = fresh(), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    optimise(model, params, train)
    methods.save_adapter(model, params, *files(tmp_path))
    loaded = fresh()
    assert methods.load_adapter(loaded, *files(tmp_path)) == params
    with torch.no_grad():
        trained = embed(model)
        assert torch.equal(embed(loaded), trained)
        assert torch.equal(trained, embed(base)) == (values["kind"] == "zero_shot")
        methods.merge(loaded, params)
        merged = embed(loaded)
    assert methods.merges(params) == (values["kind"] not in UNMERGED)
    if not methods.merges(params):
        assert torch.equal(merged, trained)
        assert set(loaded.state_dict()) > set(base.state_dict())
        return
    assert (merged - trained).abs().max() <= 1e-6
    assert loaded.state_dict().keys() == base.state_dict().keys()
    folder = tmp_path / "merged"
    folder.mkdir()
    clip.save_clip(loaded, folder / "config.json", folder / "weights.safetensors")
    with torch.no_grad():
        again = embed(clip.load_clip(folder / "config.json", folder / "weights.safetensors"))
        assert torch.equal(again, merged)


@every_method
def test_an_attack_finds_its_way_through(values, fresh, train) -> None:
    """Pixels and tokens of an adapted model can be attacked, and its parameters get no gradient from it."""
    model, params = fresh(), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    optimise(model, params, train)
    model.zero_grad(set_to_none=True)
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tokens, labels = clip.tokenize(model, ["a red octopus", "two umbrellas", "a hat"]), torch.arange(3)

    def loss(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(images, texts, labels, 10.0)

    unit = mean_token_norm(model, tokens)
    attacks = {
        "images": (ImageAttack(kind="pgd_images", epsilon=0.1, steps=2), None),
        "texts": (None, TextAttack(kind="pgd_texts", epsilon=1.0, steps=2)),
    }
    for side, (images, texts) in attacks.items():
        changed, delta = attack_batch(
            model, pixels, tokens, loss, images, texts, unit, torch.Generator().manual_seed(0)
        )
        with torch.no_grad():
            clean = loss(encode_images(model, pixels), encode_texts(model, tokens))
            attacked = loss(encode_images(model, changed), encode_texts(model, tokens, delta))
        assert attacked > clean + 1e-3, side
    assert all(p.grad is None for p in model.parameters())


@every_method
def test_state_is_a_copy_on_its_own(values, fresh, train) -> None:
    """Early stopping keeps the best state while training goes on."""
    model, params = fresh(), registry.parse("adaptation", values)
    methods.attach(model, params, seed=0)
    before = methods.state(model, params)
    kept = {key: tensor.clone() for key, tensor in before.items()}
    optimise(model, params, train)
    assert all(torch.equal(before[key], tensor) for key, tensor in kept.items())
    assert not before or any(not torch.equal(kept[key], t) for key, t in methods.state(model, params).items())
    methods.restore(model, params, before)
    assert all(torch.equal(kept[key], tensor) for key, tensor in methods.state(model, params).items())


@every_method
def test_the_same_files_twice(values, fresh, tmp_path) -> None:
    params, written = registry.parse("adaptation", values), []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        model = fresh()
        methods.attach(model, params, seed=0)
        methods.save_adapter(model, params, *files(tmp_path / name))
        written.append([file.read_bytes() for file in files(tmp_path / name)])
    assert written[0] == written[1]


def test_zero_shot_and_full(base, fresh, params) -> None:
    model = fresh()
    methods.attach(model, params("zero_shot"), seed=0)
    assert methods.parameter_counts(model)["trainable"] == 0
    methods.attach(model, params("full"), seed=0)
    counts = methods.parameter_counts(model)
    assert counts["share"] == 1.0
    assert counts["trainable"] == counts["total"] == sum(p.numel() for p in base.parameters())
    assert counts["trainable_image"] == sum(p.numel() for p in base.visual.parameters())
    # The scale of the logits belongs to neither tower.
    assert counts["trainable_image"] + counts["trainable_text"] == counts["total"] - 1
    assert counts["total_token_embeddings"] == 49_408 * 64


@pytest.mark.parametrize("layer_norm", [True, False])
def test_bitfit_trains_biases_only(fresh, params, layer_norm) -> None:
    model = fresh()
    methods.attach(model, params("bitfit", layer_norm=layer_norm), seed=0)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    linear = ("in_proj_bias", "out_proj.bias", "c_fc.bias", "c_proj.bias")
    norm = ("ln_pre.bias", "ln_post.bias", "ln_1.bias", "ln_2.bias", "ln_final.bias")
    expected = linear + norm if layer_norm else linear
    assert trainable == {name for name, _ in model.named_parameters() if name.endswith(expected)}
    assert len(trainable) == 4 * 4 + (4 * 2 + 3 if layer_norm else 0)


@pytest.mark.slow  # builds ViT-B/32
@pytest.mark.parametrize(("layer_norm", "share"), [(True, 0.11), (False, 0.09)])
def test_bitfit_of_vit_b_32(vit_b_32, params, layer_norm, share) -> None:
    model = vit_b_32()
    methods.attach(model, params("bitfit", layer_norm=layer_norm), seed=0)
    counts = methods.parameter_counts(model)
    assert round(100 * counts["share"], 2) == share
    layers = 12 * 9 + (12 * 2 * 1 if layer_norm else 0)
    assert counts["trainable_image"] == (layers + (2 if layer_norm else 0)) * 768
    assert counts["trainable_text"] == (layers + (1 if layer_norm else 0)) * 512


def test_a_file_of_another_method_is_one_line(fresh, params, tmp_path) -> None:
    model = fresh()
    methods.attach(model, params("bitfit"), seed=0)
    methods.save_adapter(model, params("bitfit"), *files(tmp_path))
    config, weights = files(tmp_path)
    for values in (
        {"kind": "lora"},
        {"kind": "full"},
        {"kind": "zero_shot"},
        {"kind": "adapter"},
        {"kind": "coop"},
    ):
        config.write_text(json.dumps({"crossmodal": values}))
        with pytest.raises(UserError, match=r"adapter_model\.safetensors: the saved adapter") as error:
            methods.load_adapter(fresh(), config, weights)
        assert "\n" not in str(error.value)
    for text in ("{}", '{"crossmodal": {"kind": "magic"}}', '{"peft_type": "LORA"}'):
        config.write_text(text)
        with pytest.raises(UserError, match="no adapter of this study"):
            methods.load_adapter(fresh(), config, weights)
    config.write_text(json.dumps({"crossmodal": {"kind": "bitfit"}}))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="not a readable safetensors"):
        methods.load_adapter(fresh(), config, weights)
