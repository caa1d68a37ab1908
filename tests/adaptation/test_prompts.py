"""Prompts of both towers: the limits in which methods are one another, gradients, copies, counts, refusals."""

from copy import deepcopy

import peft
import pytest
import torch
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods, prompts
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.base import has_vision_transformer
from crossmodal.models.dual_encoder import encode_images, encode_texts
from crossmodal.models.scratch_params import CONFIGS

CONTEXT = 24
EVERY = [
    {"kind": "coop"}, {"kind": "maple"}, {"kind": "cocoop"}, {"kind": "vpt"}, {"kind": "vpt", "depth": "deep"},
]  # fmt: skip

attentions = pytest.mark.parametrize("attention", ["torch", "open_clip"])


def each(values):
    return pytest.mark.parametrize("values", values, ids=lambda v: "-".join(map(str, v.values())))


def images(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(5))


@each(EVERY)
def test_lengths(fresh, params, embed, values) -> None:
    greatest = CONTEXT - 3
    for length in (1, 4, 8, 16, greatest):
        model = fresh()
        methods.attach(model, params(**values, length=length), seed=0)
        with torch.no_grad():
            assert torch.isfinite(embed(model)).all()
    model = fresh()
    if values["kind"] == "vpt":
        methods.attach(model, params(**values, length=greatest + 1), seed=0)
        return
    with pytest.raises(UserError, match=f"a prompt of 22 vectors .* length is at most {greatest}") as error:
        methods.attach(model, params(**values, length=greatest + 1), seed=0)
    assert "\n" not in str(error.value)
    assert all(p.requires_grad for p in model.parameters())


def test_one_layer_of_maple_is_coop_and_shallow_vpt(fresh, params, embed, louder) -> None:
    maple, coop, vpt = fresh(), fresh(), fresh()
    methods.attach(maple, params("maple", layers=1), seed=0)
    methods.attach(coop, params("coop"), seed=3)
    methods.attach(vpt, params("vpt"), seed=3)
    louder(maple)
    coop.text_prompts.context.vectors.data = maple.text_prompts.context().detach()
    vpt.visual.prompts.context.vectors.data = maple.visual.prompts.context().detach()
    with torch.no_grad():
        together, texts, pictures = embed(maple), embed(coop), embed(vpt)
    assert torch.equal(together[:4], pictures[:4])
    assert torch.equal(together[4:], texts[4:])


def test_conditional_prompts_without_condition_are_coop_and_vpt(fresh, params, embed) -> None:
    cocoop, coop, vpt = fresh(), fresh(), fresh()
    methods.attach(cocoop, params("cocoop"), seed=0)
    methods.attach(coop, params("coop"), seed=3)
    methods.attach(vpt, params("vpt"), seed=3)
    for module, peer in (
        (cocoop.text_prompts, coop.text_prompts),
        (cocoop.visual.prompts, vpt.visual.prompts),
    ):
        nn.init.zeros_(module.vectors.network[2].weight)
        nn.init.zeros_(module.vectors.network[2].bias)
        peer.context.vectors.data = module.vectors.context.vectors.data
    with torch.no_grad():
        together, texts, pictures = embed(cocoop), embed(coop), embed(vpt)
    assert torch.equal(together[:4], pictures[:4])
    assert torch.equal(together[4:], texts[4:])


def test_conditional_prompts_are_the_formula_of_the_own_feature(fresh, base, params, tokens) -> None:
    model = fresh()
    methods.attach(model, params("cocoop"), seed=0)
    first, _, second = model.text_prompts.vectors.network
    caption = clip.tokenize(model, ["a red octopus"])
    with torch.no_grad():
        feature = encode_texts(base, caption)[0]
        hidden = (first.weight @ feature + first.bias).clamp_min(0)
        expected = model.text_prompts.vectors.context() + second.weight @ hidden + second.bias
        peer = fresh()
        methods.attach(peer, params("coop"), seed=0)
        peer.text_prompts.context.vectors.data = expected
        torch.testing.assert_close(
            encode_texts(model, caption), encode_texts(peer, caption), atol=1e-6, rtol=0
        )
        vectors = model.text_prompts.vectors(encode_texts(base, tokens(model)))
        assert vectors.shape == (3, 4, 64)
        assert not torch.allclose(vectors[0], vectors[2], atol=1e-4)


@each(EVERY)
def test_an_embedding_depends_on_its_own_input_alone(prompted, embed, values, tokens) -> None:
    """What makes embeddings indexable: in whatever batch, the same."""
    model = prompted(values)
    captions = tokens(model)
    with torch.no_grad():
        together = encode_texts(model, captions), encode_images(model, images())
        for i in range(3):
            alone = encode_texts(model, captions[i : i + 1]), encode_images(model, images()[i : i + 1])
            for one, many in zip(alone, together, strict=True):
                torch.testing.assert_close(one[0], many[i], atol=1e-5, rtol=0)


@each(EVERY)
@attentions
def test_every_parameter_of_a_prompt_has_a_gradient(prompted, embed, values, attention) -> None:
    model = prompted(values, attention)
    for training in (True, False):
        model.zero_grad(set_to_none=True)
        embed(model.train(training))[:, :3].sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == ("prompts." in name)
            assert (parameter.grad is not None) == parameter.requires_grad
            assert not parameter.requires_grad or parameter.grad.abs().max() > 0, name


@each(EVERY)
def test_checkpointed_blocks_give_the_same_gradients(prompted, embed, values) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = prompted(values).train()
        model.set_grad_checkpointing(checkpointing)
        embed(model)[:, :3].sum().backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, again, atol=1e-6, rtol=1e-5)


@each([*EVERY, {"kind": "adapter"}])
def test_mixed_precision(prompted, embed, values) -> None:
    model = prompted(values)
    with torch.no_grad():
        expected = embed(model)
    with torch.autocast("cpu", torch.bfloat16):
        got = embed(model)
    assert got.dtype == torch.float32
    assert functional.cosine_similarity(got, expected).min() > 0.99
    got[:, :3].sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@each(EVERY)
def test_a_copy_has_prompts_of_its_own(prompted, embed, train, values) -> None:
    model = prompted(values)
    copy = deepcopy(model)
    with torch.no_grad():
        before = embed(model)
        assert torch.equal(embed(copy), before)
    train(copy)
    with torch.no_grad():
        assert torch.equal(embed(model), before)
        after = embed(copy)
        assert not torch.allclose(after, before, atol=1e-3)
        copy.load_state_dict(model.state_dict())
        assert torch.equal(embed(copy), before)


def test_a_copy_couples_its_own_towers(prompted) -> None:
    model = prompted({"kind": "maple"})
    copy = deepcopy(model)
    with torch.no_grad():
        before = encode_images(model, images())
        copy.text_prompts.context.vectors.zero_()
        copy.transformer.resblocks[1].prompts.vectors.zero_()
        assert torch.equal(encode_images(model, images()), before)
        assert not torch.allclose(encode_images(copy, images()), before, atol=1e-3)


@pytest.mark.slow  # builds ViT-B/32
@pytest.mark.parametrize("length", [4, 8, 16])
def test_counts_of_vit_b_32(vit_b_32, params, length) -> None:
    def counts(kind: str, **values) -> tuple[int, int]:
        model = vit_b_32()
        methods.attach(model, params(kind, length=length, **values), seed=0)
        found = methods.parameter_counts(model)
        assert found["total"] == 151_277_313
        assert found["trainable"] == found["trainable_image"] + found["trainable_text"]
        return found["trainable_image"], found["trainable_text"]

    assert counts("coop") == (0, 512 * length)
    assert counts("vpt") == (768 * length, 0)
    assert counts("vpt", depth="deep") == (12 * 768 * length, 0)
    assert counts("maple") == (12 * (512 * 768 + 768), 12 * 512 * length)
    assert counts("maple", layers=9) == (9 * (512 * 768 + 768), 9 * 512 * length)
    network = 512 * 32 + 32
    image, text = 768 * length + network + 32 * 768 + 768, 512 * length + network + 32 * 512 + 512
    assert counts("cocoop") == (image, text)
    assert counts("cocoop", towers="image") == (image, 0)
    assert counts("cocoop", towers="text") == (0, text)


@pytest.mark.slow  # builds ViT-B/32
def test_maple_has_the_papers_count(vit_b_32, params) -> None:
    """3.55 M for ViT-B, two vectors and nine layers; CoOp of 16 vectors has 8,192, as in its paper's code."""
    for values, expected in (
        ({"kind": "maple", "length": 2, "layers": 9}, 3_555_072),
        ({"kind": "coop", "length": 16}, 8_192),
    ):
        model = vit_b_32()
        methods.attach(model, params(**values), seed=0)
        assert methods.parameter_counts(model)["trainable"] == expected


RESNET = {"vision_cfg": {"image_size": 32, "layers": [1] * 4, "width": 16}}


@pytest.mark.parametrize(
    ("change", "values", "message"),
    [
        (RESNET, {"kind": "vpt"}, "vision transformer"),
        (RESNET, {"kind": "maple"}, "vision transformer"),
        (RESNET, {"kind": "cocoop"}, "vision transformer"),
        ({"text_cfg": {"pool_type": "last"}}, {"kind": "coop"}, "pooled at the end token"),
        ({"text_cfg": {"embed_cls": True}, "custom_text": True}, {"kind": "coop"}, "pooled at the end token"),
        ({}, {"kind": "maple", "layers": 2}, "layers 2 exceeds the 1 blocks"),
        ({}, {"kind": "coop", "phrase": " "}, "the phrase ' ' has no word"),
    ],
)
def test_towers_that_take_no_prompts_are_one_line(params, change, values, message) -> None:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    for key, value in change.items():
        section = config["model_cfg"].get(key)
        config["model_cfg"][key] = section | value if key == "text_cfg" else value
    with torch.device("meta"):
        model = clip.build_clip(config)
    with pytest.raises(UserError, match=message) as error:
        methods.attach(model, params(**values), seed=0)
    assert "\n" not in str(error.value) and str(error.value).startswith(values["kind"])
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("vision", "has"),
    [
        ({"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}, True),
        ({"image_size": 32, "width": 64, "patch_size": 8, "pool_type": "avg", "block_type": "custom"}, True),
        (RESNET["vision_cfg"], False),
        ({"image_size": 32, "timm_model_name": "test_efficientnet"}, False),
        ({"image_size": 160, "timm_model_name": "test_vit"}, False),
    ],
)
def test_which_image_towers_take_prompts_is_known_before_any_job(params, vision, has) -> None:
    """What a study refuses is what a job would refuse."""
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["vision_cfg"] = vision
    assert has_vision_transformer(config["model_cfg"]) == has
    with torch.device("meta"):
        model = clip.build_clip(config)
    for kind in ("vpt", "maple", "cocoop", "coop"):
        values = params(kind)
        assert (getattr(values, "needs", None) is None) == (kind == "coop")
        if has or kind == "coop":
            prompts.image_blocks(model, kind) if has else None
            continue
        with pytest.raises(UserError, match="vision transformer"):
            methods.attach(model, values, seed=0)
    assert params("cocoop", towers="text").needs is None


def test_clips_text_tower_in_a_module_of_its_own(params, embed, louder) -> None:
    """open_clip's CustomTextCLIP with the same weights: the same function, prompted or not."""
    embeddings = []
    for custom in (False, True):
        config = clip.read_config(CONFIGS / "vit-nano-32.json")
        if custom:
            config["model_cfg"]["custom_text"] = True
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = clip.build_clip(config)
        methods.attach(model, params("maple"), seed=0)
        louder(model)
        with torch.no_grad():
            embeddings.append(embed(model))
    assert torch.equal(*embeddings)


@pytest.mark.parametrize("kind", ["PromptTuningConfig", "PrefixTuningConfig"])
def test_peft_cannot_prompt_these_modules(fresh, kind) -> None:
    """Why the tensors are not in peft's layout; should this fail, peft has learnt it."""
    with pytest.raises((KeyError, AttributeError)):
        peft.get_peft_model(fresh(), getattr(peft, kind)(num_virtual_tokens=4))
