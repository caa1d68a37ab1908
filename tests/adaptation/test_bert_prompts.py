"""Text prompts on a BERT-like tower: where they stand, what is pooled, what is cut."""

import math
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from crossmodal.adaptation import methods, prompts
from crossmodal.errors import UserError
from crossmodal.models import clip
from crossmodal.models.dual_encoder import encode_texts, ends, perturbable, token_embedding

PAD, START, END, CONTEXT, POSITIONS = 0, 2, 3, 24, 30
TEXT = [{"kind": "coop"}, {"kind": "cocoop", "towers": "text"}]


def each(values):
    return pytest.mark.parametrize("values", values, ids=lambda v: v["kind"])


@pytest.fixture
def prompted(towers, params, louder):
    """Returns a model with prompts that matter."""

    def attached(values, **more):
        model = towers()
        methods.attach(model, params(**(values | more)), seed=1)
        return louder(model)

    return attached


def bert(tower: nn.Module, x: torch.Tensor, deeper: torch.Tensor | None = None) -> torch.Tensor:
    """Return the states [l, width] of one caption whose embeddings are `x` [l, width]: a BERT written out.

    `deeper` [n, width] stand after the start in the second layer, in the place of what is there.
    """
    table, heads = tower.embeddings, tower.config.num_attention_heads
    x = x + table.position_embeddings.weight[: len(x)] + table.token_type_embeddings.weight[0]
    x = table.LayerNorm(x)
    for number, layer in enumerate(tower.encoder.layer):
        if deeper is not None and number == 1:
            x = torch.cat([x[:1], deeper, x[1 + len(deeper) :]])
        own, output = layer.attention.self, layer.attention.output
        q, k, v = (
            functional.linear(x, part.weight, part.bias).view(len(x), heads, -1).transpose(0, 1)
            for part in (own.query, own.key, own.value)
        )
        weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)
        attended = (weights @ v).transpose(0, 1).reshape(len(x), -1)
        x = output.LayerNorm(x + functional.linear(attended, output.dense.weight, output.dense.bias))
        inner = functional.gelu(layer.intermediate.dense(x))
        x = layer.output.LayerNorm(x + layer.output.dense(inner))
    return x


def test_written_out(prompted, tokens) -> None:
    """One caption at a time and no padding: start, vectors, words, end; the mean over all of them."""
    model = prompted({"kind": "coop"}, length=4)
    words_of = token_embedding(model).weight
    vectors = model.text_prompts.context.vectors
    with torch.no_grad():
        found = encode_texts(model, tokens(model))
        for row, embedding in zip(tokens(model), found, strict=True):
            words = [number for number in row.tolist() if number > END][: CONTEXT - 4 - 2]
            x = torch.cat([words_of[[START]], vectors, words_of[words], words_of[[END]]])
            states = bert(model.text.transformer, x)
            expected = functional.normalize(model.text.proj.weight @ states.mean(dim=0), dim=0)
            torch.testing.assert_close(embedding, expected, atol=1e-5, rtol=0)


def test_prompts_of_later_layers_written_out(build_towers, params, louder, tokens, embed) -> None:
    """MaPLe, which needs a vision transformer beside the BERT."""
    vit = {"patch_size": 8, "width": 64, "layers": 2, "head_width": 32}
    model = build_towers(image=vit)
    methods.attach(model, params("maple"), seed=0)
    louder(model)
    words_of, first = token_embedding(model).weight, model.text_prompts.context.vectors
    deeper = model.text.transformer.encoder.layer[1].prompts.vectors
    captions = tokens(model)
    with torch.no_grad():
        found = encode_texts(model, captions)
    model.text.transformer.encoder.layer[1]._forward_pre_hooks.clear()
    with torch.no_grad():
        for row, embedding in zip(captions, found, strict=True):
            words = [number for number in row.tolist() if number > END][: CONTEXT - 4 - 2]
            x = torch.cat([words_of[[START]], first, words_of[words], words_of[[END]]])
            states = bert(model.text.transformer, x, deeper)
            expected = functional.normalize(model.text.proj.weight @ states.mean(dim=0), dim=0)
            torch.testing.assert_close(embedding, expected, atol=1e-5, rtol=0)
    model = build_towers(image=vit)
    methods.attach(model, params("maple"), seed=0)
    embed(model)[:, :3].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == ("prompts." in name)
        assert not parameter.requires_grad or parameter.grad.abs().max() > 0, name


def test_conditional_vectors_are_the_formula_of_the_own_feature(towers_base, prompted, tokens) -> None:
    model = prompted({"kind": "cocoop", "towers": "text"})
    first, _, second = model.text_prompts.vectors.network
    with torch.no_grad():
        for row in tokens(model):
            feature = encode_texts(towers_base, row[None])[0]
            hidden = (first.weight @ feature + first.bias).clamp_min(0)
            peer = prompted({"kind": "coop"})
            peer.text_prompts.context.vectors.data = (
                model.text_prompts.vectors.context() + second.weight @ hidden + second.bias
            )
            torch.testing.assert_close(
                encode_texts(model, row[None]), encode_texts(peer, row[None]), atol=1e-5, rtol=0
            )


def test_a_phrase_is_the_words_themselves(towers_base, towers, params, long_caption) -> None:
    model = towers()
    methods.attach(model, params("coop", length=3, phrase="a photo of"), seed=0)
    captions = ["a red octopus", "hat", long_caption]
    with torch.no_grad():
        found = encode_texts(model, clip.tokenize(model, captions))
        expected = encode_texts(
            towers_base, clip.tokenize(towers_base, [f"a photo of {caption}" for caption in captions])
        )
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_prompt_takes_no_room_from_captions_while_there_are_positions(
    prompted, towers, long_caption
) -> None:
    """24 tokens of a caption and 6 vectors are what this tower has positions for."""
    model = prompted({"kind": "coop"}, length=POSITIONS - CONTEXT)
    words = f"{long_caption} {long_caption}".split()[: CONTEXT - 2]
    captions = clip.tokenize(model, [" ".join(words), " ".join([*words[:-1], "hat"])])
    assert (captions != PAD).all() and torch.equal(captions[0, :-2], captions[1, :-2])
    with torch.no_grad():
        first, second = encode_texts(model, captions)
    assert not torch.allclose(first, second, atol=1e-3), "the last word is read"
    assert prompts.positions(towers()) == POSITIONS


def test_long_captions_are_cut_with_the_end_kept(prompted, long_caption) -> None:
    model, words = prompted({"kind": "coop"}, length=16), long_caption.split()
    kept = " ".join(words[: POSITIONS - 16 - 2])
    captions = clip.tokenize(model, [long_caption, kept, " ".join(words[:5])])
    narrow = captions[:, :CONTEXT]
    moved = narrow.gather(1, prompts.make_room(narrow, 16, ends(narrow, model)))
    assert moved[0].tolist() == [START] * 17 + captions[0, 1:7].tolist() + [END]
    with torch.no_grad():
        whole, cut, shorter = encode_texts(model, captions)
    torch.testing.assert_close(whole, cut, atol=1e-6, rtol=0)
    assert not torch.allclose(cut, shorter, atol=1e-3)


@settings(max_examples=100)
@given(
    st.lists(st.lists(st.integers(END + 1, 50), max_size=CONTEXT - 2), min_size=1, max_size=4),
    st.integers(1, CONTEXT - 3),
)
def test_tokens_make_room(towers_base, captions: list[list[int]], length: int) -> None:
    rows = [[START, *words, END] for words in captions]
    padded = torch.tensor([row + [PAD] * (CONTEXT - len(row)) for row in rows])
    moved = padded.gather(1, prompts.make_room(padded, length, ends(padded, towers_base)))
    for row, got in zip(rows, moved.tolist(), strict=True):
        expected = [START] * (1 + length) + row[1:-1][: CONTEXT - length - 2] + [END]
        assert got == expected + [PAD] * (CONTEXT - len(expected))


@each(TEXT)
def test_a_batch_cut_to_its_longest_caption_loses_nothing(prompted, values) -> None:
    """This tower reads any width, and the prompt's room is taken from the context, not from the batch."""
    model = prompted(values, length=8)
    captions = clip.tokenize(model, ["a red octopus", "two green umbrellas in the rain", "hat"])
    narrow = captions[:, : int(ends(captions, model).max()) + 1]
    assert narrow.shape[1] == 8
    delta = torch.randn(3, 8, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        for offset in (None, delta):
            wide = None if offset is None else functional.pad(offset, (0, 0, 0, CONTEXT - 8))
            torch.testing.assert_close(
                encode_texts(model, narrow, offset), encode_texts(model, captions, wide), atol=1e-5, rtol=0
            )


@each(TEXT)
def test_a_perturbation_follows_its_word(prompted, values) -> None:
    """An offset on a word has the effect of that word's embedding at the new place."""
    model = prompted(values)
    ours, other = clip.tokenize(model, ["a red octopus in the rain", "a red hat in the rain"])[:, None]
    changed = int((ours != other).nonzero()[0, 1])
    weight = token_embedding(model).weight.detach()
    delta = torch.zeros(1, CONTEXT, 32)
    delta[0, changed] = weight[other[0, changed]] - weight[ours[0, changed]]
    with torch.no_grad():
        plain, moved = encode_texts(model, ours), encode_texts(model, ours, delta)
        torch.testing.assert_close(moved, encode_texts(model, other), atol=1e-5, rtol=0)
        assert not torch.allclose(moved, plain, atol=1e-3)
        assert torch.equal(encode_texts(model, ours, torch.zeros_like(delta)), plain)


@each(TEXT)
def test_words_have_gradients_and_cut_ones_have_none(prompted, values, tokens) -> None:
    model = prompted(values, length=16)
    captions = tokens(model)
    delta = torch.zeros(3, CONTEXT, 32, requires_grad=True)
    encode_texts(model, captions, delta)[:, :2].sum().backward()
    seen, words = delta.grad.norm(dim=-1) > 0, perturbable(captions, model)
    kept = torch.arange(CONTEXT) < POSITIONS - 16 - 1
    assert seen[words & kept].all()
    assert not seen[captions == PAD].any()
    if values["kind"] != "cocoop":  # which reads the whole caption before it is cut
        assert not seen[words & ~kept].any()


@each(TEXT)
def test_what_does_not_fit_is_one_line(towers, params, values) -> None:
    for more, message in (
        ({"length": 28}, "a prompt of 28 vectors .* length is at most 27"),
        ({"phrase": " "}, "the phrase ' ' has no word to start from; or take init: normal"),
    ):
        model = towers()
        with pytest.raises(UserError, match=f"^{values['kind']}: .*{message}$"):
            methods.attach(model, params(**values, **more), seed=0)
        assert all(p.requires_grad for p in model.parameters())
    methods.attach(model, params(**values, length=27), seed=0)


ROBERTA = transformers.RobertaConfig(
    vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=30, initializer_range=0.2,
)  # fmt: skip


def test_a_roberta_counts_its_positions_on(build_towers, params, tmp_path: Path) -> None:
    """Its positions follow from what is padding, so the prompt has some too: those of words in its place."""
    ROBERTA.save_pretrained(tmp_path)
    base, model = (build_towers(hf_model_name=str(tmp_path)) for _ in range(2))
    methods.attach(model, params("coop", length=2), seed=0)
    model.text_prompts.context.vectors.data = token_embedding(base).weight[[7, 9]].detach()
    start, end, pad = ROBERTA.bos_token_id, ROBERTA.eos_token_id, ROBERTA.pad_token_id
    rows = [[start, 11, 12, 13, end], [start, 14, end]]
    padded = torch.tensor([row + [pad] * (CONTEXT - len(row)) for row in rows])
    longer = torch.tensor([[start, 7, 9, *row[1:]] + [pad] * (CONTEXT - 2 - len(row)) for row in rows])
    with torch.no_grad():
        torch.testing.assert_close(encode_texts(model, padded), encode_texts(base, longer), atol=1e-6, rtol=0)


SMALL = {"d_model": 32, "num_heads": 2, "vocab_size": 60}
NO_START = {
    "MT5Stack": transformers.MT5Config(**SMALL, d_kv=8, d_ff=32, num_layers=1),
    "M2M100Encoder": transformers.M2M100Config(
        **SMALL, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32
    ),
}


@pytest.mark.parametrize("name", NO_START)
def test_a_tower_without_start_token_is_one_line(build_towers, params, tmp_path: Path, name: str) -> None:
    NO_START[name].save_pretrained(tmp_path)
    model = build_towers(hf_model_name=str(tmp_path))
    with pytest.raises(
        UserError, match=f"^coop: text prompts need .* or a BERT-like one, this one is {name}$"
    ):
        methods.attach(model, params("coop"), seed=0)
    assert all(p.requires_grad for p in model.parameters())
