"""Prompts of both towers: where they stand, what they move, and the limits in which methods are one another."""

from copy import deepcopy

import peft
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods, prompts
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.scratch_params import CONFIGS
from crossmodal.models.towers import encode_images, encode_texts, perturbable, token_embedding

START, END, CONTEXT = 49406, 49407, 24
TEXT = [{"kind": "coop"}, {"kind": "maple"}, {"kind": "cocoop"}]
IMAGE = [{"kind": "vpt"}, {"kind": "vpt", "depth": "deep"}, {"kind": "maple"}, {"kind": "cocoop"}]
EVERY = [*TEXT, *IMAGE[:2]]
LONG = (
    "one two three four five six seven eight nine ten red green blue grey black white pink brown"  # 18 words
)

attentions = pytest.mark.parametrize("attention", ["torch", "open_clip"])


def each(values):
    return pytest.mark.parametrize("values", values, ids=lambda v: "-".join(map(str, v.values())))


def images(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(5))


def tokens(model) -> torch.Tensor:
    return clip.tokenize(model, ["a red octopus", LONG, "hat"])


def louder(model: nn.Module) -> nn.Module:
    """Give every vector the size of an embedding, as training does: those of the start hardly matter."""
    generator = torch.Generator().manual_seed(7)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and name.endswith("vectors"):
            parameter.data.normal_(generator=generator)
    return model


@pytest.fixture
def prompted(fresh, params):
    """Returns a tiny CLIP with prompts that matter."""

    def attached(values, attention="torch", **more):
        model = fresh(attention)
        methods.attach(model, params(**(values | more)), seed=1)
        return louder(model)

    return attached


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, START - 1), max_size=CONTEXT - 2), min_size=1, max_size=4),
    st.integers(1, CONTEXT - 3),
)
def test_tokens_make_room(captions: list[list[int]], length: int) -> None:
    rows = [[START, *words, END] for words in captions]
    padded = torch.tensor([row + [0] * (CONTEXT - len(row)) for row in rows])
    moved = padded.gather(1, prompts.make_room(padded, length))
    for row, got in zip(rows, moved.tolist(), strict=True):
        words = row[1:-1][: CONTEXT - length - 2]
        expected = [START] * (1 + length) + words + [END]
        assert got == expected + [0] * (CONTEXT - len(expected))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 4), st.booleans(), st.integers(0, 2**31))
def test_splicing(batch: int, length: int, replacing: int, own: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, 6, 2, generator=generator)
    vectors = torch.randn(*((batch,) if own else ()), length, 2, generator=generator)
    result = prompts.splice(inputs, vectors, replacing)
    for i, row in enumerate(inputs):
        chosen = vectors[i] if own else vectors
        expected = [row[0], *chosen, *row[1 + replacing :]]
        assert torch.equal(result[i], torch.stack(expected))


@attentions
def test_text_prompts_written_out(prompted, attention) -> None:
    """One caption at a time: vectors after the start, words after them, pooled where the end now is."""
    model = prompted({"kind": "maple"}, attention)
    deeper = [block.prompts.vectors for block in model.transformer.resblocks[1:]]
    for row in tokens(model):
        words = row[1 : row.argmax()][: CONTEXT - 4 - 2]
        start, end = token_embedding(model)(torch.tensor([START, END])).split(1)
        vectors = model.text_prompts.context.vectors
        x = torch.cat([start, vectors, token_embedding(model)(words), end])
        x = (x + model.positional_embedding[: len(x)])[None]
        mask = model.attn_mask[: x.shape[1], : x.shape[1]]
        for i, block in enumerate(model.transformer.resblocks):
            if i > 0:
                x = torch.cat([x[:, :1], deeper[i - 1][None], x[:, 5:]], dim=1)
            block._forward_pre_hooks.clear()
            x = block(x, attn_mask=mask)
        expected = functional.normalize(model.ln_final(x[0, -1]) @ model.text_projection, dim=-1)
        again = prompted({"kind": "maple"}, attention)
        torch.testing.assert_close(encode_texts(again, row[None])[0], expected, atol=1e-5, rtol=0)


@attentions
@each(IMAGE[:3])
@pytest.mark.parametrize("pool", ["tok", "avg"])
def test_image_prompts_written_out(params, values, attention, pool) -> None:
    """The transformer's input and each block's by hand; pooling sees the class token and the patches only."""
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["text_cfg"]["layers"] = 2
    config["model_cfg"]["vision_cfg"] |= {"pool_type": pool, "layers": 3}
    config["model_cfg"]["vision_cfg"]["block_type"] = "custom" if attention == "open_clip" else "default"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        base = clip.build_clip(config)
    model = deepcopy(base)
    methods.attach(model, params(**values), seed=1)
    louder(model)
    visual, n = base.visual, 4
    x = visual._embeds((images() - base.pixel_mean) / base.pixel_std)
    patches = x.shape[1] - 1
    for i, block in enumerate(visual.transformer.resblocks):
        own = getattr(model.visual.transformer.resblocks[i], "prompts", None)
        if i == 0:
            x = torch.cat([x[:, :1], model.visual.prompts.context().expand(3, -1, -1), x[:, 1:]], dim=1)
        elif own is not None:
            x = torch.cat([x[:, :1], own().expand(3, -1, -1), x[:, 1 + n :]], dim=1)
        x = block(x)
    x = visual.ln_post(torch.cat([x[:, :1], x[:, -patches:]], dim=1))
    pooled = x[:, 0] if pool == "tok" else x[:, 1:].mean(dim=1)
    expected = functional.normalize(pooled @ visual.proj, dim=-1)
    torch.testing.assert_close(encode_images(model, images()), expected, atol=1e-5, rtol=0)
    assert (expected - encode_images(base, images())).abs().max() > 1e-3


def test_a_phrase_is_the_words_themselves(base, prompted, fresh, params) -> None:
    model = fresh()
    methods.attach(model, params("coop", length=3, phrase="a photo of"), seed=0)
    captions = ["a red octopus", "hat", LONG]
    with torch.no_grad():
        got = encode_texts(model, clip.tokenize(model, captions))
        expected = encode_texts(base, clip.tokenize(base, [f"a photo of {caption}" for caption in captions]))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)
    longer = fresh()
    methods.attach(longer, params("coop", length=5, phrase="a photo of"), seed=0)
    vectors = longer.text_prompts.context.vectors
    assert torch.equal(vectors[2:], model.text_prompts.context.vectors)
    assert 0 < vectors[:2].std() < 0.04


def test_the_start_is_random_and_small(fresh, params) -> None:
    def vectors(seed: int, width: int = 64) -> torch.Tensor:
        model = fresh()
        methods.attach(model, params("coop", length=16), seed=seed)
        return model.text_prompts.context.vectors.detach()

    assert torch.equal(vectors(0), vectors(0)) and not torch.equal(vectors(0), vectors(1))
    assert vectors(0).std() == pytest.approx(0.02, rel=0.1)


@each(TEXT[:2])  # conditional prompts read the whole caption before it is cut
def test_long_captions_are_cut_with_the_end_kept(prompted, values) -> None:
    model = prompted(values, length=16)
    words = LONG.split()
    with torch.no_grad():
        whole, cut, shorter = encode_texts(
            model, clip.tokenize(model, [LONG, " ".join(words[: CONTEXT - 16 - 2]), " ".join(words[:5])])
        )
    torch.testing.assert_close(whole, cut, atol=1e-6, rtol=0)
    assert not torch.allclose(cut, shorter, atol=1e-3)


@each(TEXT[:2])
def test_the_end_token_moves_with_the_words(prompted, values) -> None:
    """Pooled at the old place, one word in front of the fourth vector, nothing would depend on the caption."""
    model = prompted(values)
    with torch.no_grad():
        first, second = encode_texts(model, clip.tokenize(model, ["octopus", "umbrella"]))
    assert not torch.allclose(first, second, atol=1e-3)


@each(TEXT)
def test_a_perturbation_follows_its_word(prompted, values) -> None:
    """An offset on a word has the effect of that word's embedding at the new place."""
    model = prompted(values)
    ours, other = clip.tokenize(model, ["a red octopus swims", "a red umbrella swims"])[:, None]
    changed = int((ours != other).nonzero()[0, 1])
    weight = token_embedding(model).weight.detach()
    delta = torch.zeros(1, CONTEXT, 64)
    delta[0, changed] = weight[other[0, changed]] - weight[ours[0, changed]]
    with torch.no_grad():
        moved, expected = encode_texts(model, ours, delta), encode_texts(model, other)
        torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)
        assert not torch.allclose(moved, encode_texts(model, ours), atol=1e-3)
        zeros = torch.zeros_like(delta)
        assert torch.equal(encode_texts(model, ours, zeros), encode_texts(model, ours))
        end = int(ours.argmax())  # an offset on the end is moved too, and on the start stays there
        for place in (0, end):
            offset = zeros.clone()
            offset[0, place] = weight[1000]
            assert not torch.allclose(encode_texts(model, ours, offset), encode_texts(model, ours), atol=1e-3)


@each(TEXT)
def test_words_have_gradients_and_cut_ones_have_none(prompted, values) -> None:
    model = prompted(values, length=16)
    captions = tokens(model)
    delta = torch.zeros(3, CONTEXT, 64, requires_grad=True)
    encode_texts(model, captions, delta)[:, :2].sum().backward()
    seen = delta.grad.norm(dim=-1) > 0
    kept = torch.arange(CONTEXT) < CONTEXT - 16 - 1
    words = perturbable(captions)
    assert seen[words & kept].all()
    if values["kind"] != "cocoop":  # which reads the whole caption before it is cut
        assert not seen[words & ~kept].any()


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


def test_one_layer_of_maple_is_coop_and_shallow_vpt(fresh, params, embed) -> None:
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


def test_conditional_prompts_are_the_formula_of_the_own_feature(fresh, base, params) -> None:
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
def test_an_embedding_depends_on_its_own_input_alone(prompted, embed, values) -> None:
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
        ({}, {"kind": "coop", "phrase": "one two three four five"}, "has 5 tokens, length is 4"),
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


def test_a_phrase_without_a_text_prompt_is_refused(params) -> None:
    with pytest.raises(ValidationError, match="towers is image"):
        params("cocoop", towers="image", phrase="a photo of")


def test_clips_text_tower_in_a_module_of_its_own(params, embed) -> None:
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
