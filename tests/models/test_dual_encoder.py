"""The towers as functions, with a text tower of Hugging Face: embeddings of words, pooling by the mask."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.models import clip, dual_encoder
from crossmodal.models.scratch_params import CONFIGS

CONTEXT, PAD, FIRST, LAST = 12, 0, 2, 3


def rows(*captions: list[int]) -> torch.Tensor:
    """Return token ids as BERT's tokenizer gives them."""
    cut = [[FIRST, *words[: CONTEXT - 2], LAST] for words in captions]
    return torch.tensor([row + [PAD] * (CONTEXT - len(row)) for row in cut])


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny CLIP with a BERT for a text tower; no test changes it."""
    folder = tmp_path_factory.mktemp("bert")
    BertConfig(
        vocab_size=100, hidden_size=48, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=CONTEXT, pad_token_id=PAD,
    ).save_pretrained(folder)  # fmt: skip
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"]["text_cfg"] = {
        "hf_model_name": str(folder), "context_length": CONTEXT, "hf_proj_type": "linear",
        "hf_pooler_type": "mean_pooler",
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(config)


def test_words_are_embedded_by_the_tower(bert) -> None:
    table = dual_encoder.token_embedding(bert)
    assert table.weight.shape == (100, 48)
    assert table is bert.text.transformer.embeddings.word_embeddings
    tokens = rows([10, 11], [12])
    assert torch.equal(dual_encoder.embed_tokens(bert, tokens), table.weight[tokens])
    assert dual_encoder.mean_token_norm(bert) == pytest.approx(
        float(table.weight.detach().norm(dim=-1).mean()), rel=1e-6
    )


def test_the_unit_of_text_attacks_is_of_the_words_that_occur_each_once(bert) -> None:
    """Against a walk over the captions: start, end and padding are no words, and a word counts once."""
    captions = [[10, 11, 10], [12], [11, 40, 41, 10]]
    tokens, table = rows(*captions), dual_encoder.token_embedding(bert).weight.detach()
    words = {word for caption in captions for word in caption}
    slow = sum(float(sum(float(x) ** 2 for x in table[word])) ** 0.5 for word in sorted(words)) / len(words)
    assert dual_encoder.used_tokens(bert, tokens).tolist() == sorted(words)
    assert dual_encoder.mean_token_norm(bert, tokens) == pytest.approx(slow, rel=1e-5)
    assert dual_encoder.mean_token_norm(bert, tokens.int()) == dual_encoder.mean_token_norm(bert, tokens)
    with pytest.raises(ValueError, match="no caption has a word"):
        dual_encoder.mean_token_norm(bert, rows([], []))


def test_texts_are_open_clips_own_encoding(bert) -> None:
    tokens = rows([10, 11, 12], [13], [14] * 30)
    with torch.no_grad():
        expected = bert.encode_text(tokens, normalize=True)
        assert torch.equal(dual_encoder.encode_texts(bert, tokens), expected)
        zeros = torch.zeros(3, CONTEXT, 48)
        assert torch.equal(dual_encoder.encode_texts(bert, tokens, zeros), expected)
    assert not dual_encoder.token_embedding(bert)._forward_hooks


def test_a_perturbation_is_added_to_the_words_embedding(bert) -> None:
    ours, other = rows([10, 11, 12]), rows([10, 40, 12])
    table = dual_encoder.token_embedding(bert).weight.detach()
    delta = table[other] - table[ours]
    with torch.no_grad():
        moved = dual_encoder.encode_texts(bert, ours, delta)
        assert torch.allclose(moved, dual_encoder.encode_texts(bert, other), atol=1e-6)
        assert not torch.allclose(moved, dual_encoder.encode_texts(bert, ours), atol=1e-3)
        # What is padding is not read, whatever is added to it.
        delta[:, 5:] = 1000.0
        assert torch.allclose(moved, dual_encoder.encode_texts(bert, ours, delta), atol=1e-6)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(4, 99), max_size=20), min_size=1, max_size=4))
def test_perturbable_are_the_words(bert, captions: list[list[int]]) -> None:
    mask = dual_encoder.perturbable(rows(*captions), bert)
    for row, words in zip(mask.tolist(), captions, strict=True):
        n = min(len(words), CONTEXT - 2)
        assert row == [False] + [True] * n + [False] * (CONTEXT - 1 - n)


def test_clips_own_tokens_need_no_model(nano) -> None:
    tokens = clip.tokenize(nano, ["a red octopus!", ""])
    assert torch.equal(dual_encoder.perturbable(tokens), dual_encoder.perturbable(tokens, nano))


@pytest.mark.parametrize("kind", ["coop", "maple", "cocoop"])
def test_text_prompts_leave_each_caption_an_embedding_of_its_own(bert, kind) -> None:
    model, tokens = deepcopy(bert), rows([10, 11], [12], [13] * 30)
    methods.attach(model, registry.parse("adaptation", {"kind": kind, "init": "normal"}), seed=0)
    with torch.no_grad():
        together = dual_encoder.encode_texts(model, tokens)
        for row, embedding in zip(tokens, together, strict=True):
            alone = dual_encoder.encode_texts(model, row[None])[0]
            torch.testing.assert_close(alone, embedding, atol=1e-6, rtol=0)
        assert not torch.allclose(together, dual_encoder.encode_texts(bert, tokens), atol=1e-3)


def test_adapters_stand_after_the_attention_of_bert(bert) -> None:
    model, tokens = deepcopy(bert), rows([10, 11], [12])
    with torch.no_grad():
        before = dual_encoder.encode_texts(model, tokens)
        methods.attach(model, registry.parse("adaptation", {"kind": "adapter", "bottleneck": 8}), seed=0)
        assert torch.equal(dual_encoder.encode_texts(model, tokens), before)
        layers = [model.text.transformer.encoder.layer[i].attention.output.dense for i in range(2)]
        trained = [
            name for name, p in model.named_parameters() if p.requires_grad and name.startswith("text.")
        ]
        assert len(trained) == 2 * 4
        for layer in layers:
            torch.nn.init.ones_(layer.adapter.up.bias[:10])
        assert not torch.allclose(dual_encoder.encode_texts(model, tokens), before, atol=1e-3)


def test_its_projection_trains_alone(bert) -> None:
    model = deepcopy(bert)
    methods.attach(model, registry.parse("adaptation", {"kind": "linear"}), seed=0)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"visual.proj", "text.proj.weight"}
