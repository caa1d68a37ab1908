"""Parameters that can get a gradient, against those that got one from all training data."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.reach import reached_parameters
from crossmodal.adaptation.trainable import tower_of
from crossmodal.models import clip
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, token_embedding
from crossmodal.models.lookups import tables, used_rows
from crossmodal.models.loss import contrastive_loss

CAPTIONS = ["a red octopus", "two green umbrellas in the rain", "a hat", "the flag of nowhere", "a hat"]
IMAGE_ONLY = ({"kind": "vpt"}, {"kind": "vpt", "depth": "deep"}, {"kind": "cocoop"}, {"kind": "maple"})
"""What needs a vision transformer."""
METHODS = [
    {"kind": "zero_shot"}, {"kind": "full"}, {"kind": "linear"}, {"kind": "bitfit"},
    {"kind": "bitfit", "layer_norm": False}, {"kind": "lora", "rank": 2},
    {"kind": "lora", "rank": 2, "placement": "qkvo+mlp"}, {"kind": "adapter", "bottleneck": 8},
    {"kind": "coop"}, {"kind": "cocoop", "towers": "text"}, {"kind": "lora_blocks", "rank": 2, "blocks": 1},
    {"kind": "adalora", "initial_rank": 4, "target_rank": 2.0}, *IMAGE_ONLY,
]  # fmt: skip


def measured(model: CLIP, tokens: Tensor) -> dict[str, int]:
    """Return by tower what a pass over all data gives a gradient: rows of tables, other tensors whole."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():  # what starts at zero hides the way to what lies before it
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    pixels = torch.rand(len(tokens), 3, 32, 32, generator=generator)
    labels = torch.tensor([0, 1, 2, 3, 2])[: len(tokens)]
    scale = logit_scale(model)
    contrastive_loss(encode_images(model, pixels), encode_texts(model, tokens), labels, scale).backward()
    counts = dict.fromkeys(("image", "text", "joint"), 0)
    lookups = tables(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.grad is not None:
            moved = parameter.grad != 0
            if name in lookups:
                counts[tower_of(name)] += int(moved.any(dim=1).sum()) * parameter.shape[1]
            else:
                counts[tower_of(name)] += parameter.numel() * bool(moved.any())
    model.zero_grad(set_to_none=True)
    return counts


def test_every_kind_is_here() -> None:
    assert {method["kind"] for method in METHODS} == set(registry.kinds("adaptation"))


@pytest.mark.parametrize("values", METHODS, ids=lambda v: "-".join(map(str, v.values())))
@pytest.mark.parametrize("kind", ["vit", "towers"])
def test_the_count_is_what_gets_a_gradient(fresh, towers, params, kind, values) -> None:
    if kind == "towers" and values in IMAGE_ONLY:
        pytest.skip("image prompts need a vision transformer")
    model = (towers if kind == "towers" else fresh)()
    methods.attach(model, params(**values), seed=0)
    tokens = clip.tokenize(model, CAPTIONS)
    found = reached_parameters(model, tokens.int())
    assert all(p.grad is None for p in model.parameters())
    if values["kind"] == "zero_shot":
        assert set(found.values()) == {0}
        return
    assert found == measured(model, tokens)
    nominal = methods.parameter_counts(model)["trainable"]
    assert sum(found.values()) < nominal if values["kind"] == "full" else sum(found.values()) == nominal


def test_rows_of_a_vit_are_those_of_its_words_and_places(fresh) -> None:
    model = fresh()
    tokens = clip.tokenize(model, CAPTIONS)
    rows = used_rows(model, tokens)
    words = sorted({number for row in tokens.tolist() for number in row[: row.index(max(row)) + 1]})
    assert rows["token_embedding.weight"].tolist() == words and 0 not in words, "padding is the word 0"
    assert rows["positional_embedding"].tolist() == list(range(8)), "start, six words, end"


def test_rows_of_a_bert_are_without_padding_and_with_one_segment(towers) -> None:
    model = towers()
    tokens = clip.tokenize(model, CAPTIONS)
    rows = used_rows(model, tokens)
    name = "text.transformer.embeddings.{}_embeddings.weight"
    assert rows[name.format("word")].tolist() == sorted(set(tokens.flatten().tolist()) - {0})
    assert rows[name.format("position")].tolist() == list(range(8))
    assert rows[name.format("token_type")].tolist() == [0]
    assert rows.keys() == tables(model).keys()


def test_a_branch_that_nothing_reads_does_not_count(fresh: Callable[..., CLIP], params) -> None:
    model = fresh()
    model.visual.unused = torch.nn.Linear(3, 3)
    before = reached_parameters(fresh().requires_grad_(True), clip.tokenize(model, CAPTIONS))
    assert reached_parameters(model.requires_grad_(True), clip.tokenize(model, CAPTIONS)) == before


def test_what_is_counted_leaves_the_model_as_it_was(towers) -> None:
    model = towers().train()
    state, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.random.get_rng_state()
    reached_parameters(model.requires_grad_(True), clip.tokenize(model, CAPTIONS))
    assert model.training and torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())
    assert token_embedding(model).weight.grad is None
