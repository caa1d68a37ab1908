"""Where prompts stand among the patches and the words, and what they move."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from crossmodal.adaptation import methods, prompts
from crossmodal.models import clip
from crossmodal.models.dual_encoder import encode_images, encode_texts, ends, perturbable, token_embedding
from crossmodal.models.scratch_params import CONFIGS

START, END, CONTEXT = 49406, 49407, 24
TEXT = [{"kind": "coop"}, {"kind": "maple"}, {"kind": "cocoop"}]
IMAGE = [{"kind": "vpt"}, {"kind": "vpt", "depth": "deep"}, {"kind": "maple"}]

attentions = pytest.mark.parametrize("attention", ["torch", "open_clip"])


def each(values):
    return pytest.mark.parametrize("values", values, ids=lambda v: "-".join(map(str, v.values())))


def images(n: int = 3, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(5))


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.integers(0, START - 1), max_size=CONTEXT - 2), min_size=1, max_size=4),
    st.integers(1, CONTEXT - 3),
)
def test_tokens_make_room(captions: list[list[int]], length: int) -> None:
    rows = [[START, *words, END] for words in captions]
    padded = torch.tensor([row + [0] * (CONTEXT - len(row)) for row in rows])
    moved = padded.gather(1, prompts.make_room(padded, length, ends(padded)))
    for row, got in zip(rows, moved.tolist(), strict=True):
        words = row[1:-1][: CONTEXT - length - 2]
        expected = [START] * (1 + length) + words + [END]
        assert got == expected + [0] * (CONTEXT - len(expected))


@settings(max_examples=50)
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
def test_text_prompts_written_out(prompted, attention, tokens) -> None:
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
@each(IMAGE)
@pytest.mark.parametrize("pool", ["tok", "avg"])
def test_image_prompts_written_out(params, values, attention, pool, louder) -> None:
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


def test_a_phrase_is_the_words_themselves(base, prompted, fresh, params, long_caption) -> None:
    model = fresh()
    methods.attach(model, params("coop", length=3, phrase="a photo of"), seed=0)
    captions = ["a red octopus", "hat", long_caption]
    with torch.no_grad():
        got = encode_texts(model, clip.tokenize(model, captions))
        expected = encode_texts(base, clip.tokenize(base, [f"a photo of {caption}" for caption in captions]))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)
    vectors = model.text_prompts.context.vectors
    for length, expected in ((5, [1, 2, 0, 1, 2]), (2, [1, 2]), (6, [0, 1, 2, 0, 1, 2])):
        other = fresh()
        methods.attach(other, params("coop", length=length, phrase="a photo of"), seed=1)
        assert torch.equal(other.text_prompts.context.vectors, vectors[expected]), "repeated, or cut in front"


@pytest.mark.parametrize("length", [4, 8])
def test_prompts_start_as_words_unless_told_otherwise(base, fresh, params, length) -> None:
    model = fresh()
    methods.attach(model, params("coop", length=length), seed=0)
    words = " ".join(["a picture of a"] * (length // 4))
    with torch.no_grad():
        got = encode_texts(model, clip.tokenize(model, ["red octopus"]))
        expected = encode_texts(base, clip.tokenize(base, [f"{words} red octopus"]))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=0)


def test_a_start_that_is_drawn_is_random_and_small(fresh, params) -> None:
    def vectors(seed: int, width: int = 64) -> torch.Tensor:
        model = fresh()
        methods.attach(model, params("coop", length=16, init="normal"), seed=seed)
        return model.text_prompts.context.vectors.detach()

    assert torch.equal(vectors(0), vectors(0)) and not torch.equal(vectors(0), vectors(1))
    assert vectors(0).std() == pytest.approx(0.02, rel=0.1)


@each(TEXT[:2])  # conditional prompts read the whole caption before it is cut
def test_long_captions_are_cut_with_the_end_kept(prompted, values, long_caption) -> None:
    model = prompted(values, length=16)
    words = long_caption.split()
    with torch.no_grad():
        whole, cut, shorter = encode_texts(
            model,
            clip.tokenize(model, [long_caption, " ".join(words[: CONTEXT - 16 - 2]), " ".join(words[:5])]),
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
def test_words_have_gradients_and_cut_ones_have_none(prompted, values, tokens) -> None:
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
