"""Operations and memory of encoders, against what can be counted by hand."""

from functools import partial

import pytest
import torch
from torch import nn

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.encoder_costs import measure_encoders, time_interleaved
from crossmodal.models.footprint import activation_bytes, count_flops, weight_bytes
from crossmodal.models.scratch_params import CONFIGS


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def build() -> CLIP:
    torch.manual_seed(0)
    return clip.build_clip(clip.read_config(CONFIGS / "vit-nano-32.json")).eval()


def transformer_flops(tokens: int, width: int, layers: int, ratio: float) -> int:
    """Projections to q, k, v and back, the two products of attention, the two layers of the MLP."""
    projections = 4 * tokens * width * width
    attention = 2 * tokens * tokens * width
    mlp = 2 * tokens * width * int(width * ratio)
    return 2 * layers * (projections + attention + mlp)


def test_flops_of_a_vit_are_those_of_its_formula() -> None:
    """torch's fused encoder path, which a model in eval() takes, would count as nothing."""
    model = build()
    vision = clip.read_config(CONFIGS / "vit-nano-32.json")["model_cfg"]["vision_cfg"]
    size, patch, width = vision["image_size"], vision["patch_size"], vision["width"]
    grid, output = (size // patch) ** 2, clip.embedding_size(model)
    pixels = torch.rand(1, 3, size, size)
    by_hand = (
        2 * grid * width * 3 * patch * patch
        + transformer_flops(grid + 1, width, vision["layers"], vision.get("mlp_ratio", 4.0))
        + 2 * width * output
    )
    assert count_flops(lambda: dual_encoder.encode_images(model, pixels)) == by_hand
    assert torch.backends.mha.get_fastpath_enabled()


def test_flops_of_a_text_tower_are_those_of_its_formula() -> None:
    model = build()
    text = clip.read_config(CONFIGS / "vit-nano-32.json")["model_cfg"]["text_cfg"]
    tokens = clip.tokenize(model, ["a hat"])
    by_hand = transformer_flops(text["context_length"], text["width"], text["layers"], 4.0)
    by_hand += 2 * text["width"] * clip.embedding_size(model)
    assert count_flops(lambda: dual_encoder.encode_texts(model, tokens)) == by_hand


def test_the_most_that_is_held_at_once() -> None:
    """Two vectors of 4,000 bytes live together, a third only once the first is gone."""

    def call() -> torch.Tensor:
        first = torch.empty(1000)
        second = first * 2
        del first
        return torch.neg(second)

    assert 8000 <= activation_bytes(call) < 8200


def test_a_shared_weight_counts_once() -> None:
    layer = nn.Linear(10, 10, bias=False)
    assert weight_bytes(nn.Sequential(layer, layer)) == 400


def test_rounds_are_shuffled_and_the_first_are_not_timed() -> None:
    def order(seed: int) -> list[str]:
        calls: list[str] = []
        samples = time_interleaved([partial(calls.append, name) for name in "abcd"], 10, "calls", seed)
        assert [len(times) for times in samples] == [10] * 4 and min(map(min, samples)) > 0
        return ["".join(calls[i : i + 4]) for i in range(0, len(calls), 4)]

    rounds = order(0)
    assert len(rounds) == 11 and all(sorted(turn) == list("abcd") for turn in rounds)
    assert len(set(rounds)) > 3 and {turn[0] for turn in rounds} == set("abcd")
    assert order(0) == rounds != order(1)


def test_what_is_the_same_in_every_process_is_counted_in_one() -> None:
    rows = measure_encoders([("base", "merged", build())], 1, 1, 1, seed=1, counted=False)
    assert all(row["samples_ms"] and "flops" not in row and "weight_bytes" not in row for row in rows)


@pytest.mark.parametrize("kind", ["adapter", "coop", "vpt"])
def test_a_method_that_cannot_be_folded_costs_more(kind: str) -> None:
    values = {"adapter": {"bottleneck": 8}, "coop": {"length": 2}, "vpt": {"length": 2}}[kind]
    params = registry.parse("adaptation", {"kind": kind, **values})
    model = build()
    methods.attach(model, params, 0)
    assert not methods.merges(params)
    rows = measure_encoders([("base", "merged", build()), (kind, "unmerged", model)], 1, 1, 1)
    flops = {(row["cell"], row["modality"]): row["flops"] for row in rows}
    touched = {"adapter": ("image", "text"), "coop": (), "vpt": ("image",)}[kind]
    for modality in ("image", "text"):
        assert (flops[kind, modality] > flops["base", modality]) == (modality in touched)


def test_merged_costs_what_the_base_costs_and_unmerged_more() -> None:
    lora = registry.parse("adaptation", {"kind": "lora", "rank": 8})
    models = {form: build() for form in ("base", "unmerged", "merged")}
    for form in ("unmerged", "merged"):
        methods.attach(models[form], lora, 0)
    methods.merge(models["merged"], lora)
    rows = measure_encoders(
        [
            ("full", "merged", models["base"]),
            ("lora", "unmerged", models["unmerged"]),
            ("lora", "merged", models["merged"]),
        ],
        repeats=3,
        batch_size=2,
        batch_repeats=2,
    )
    costs = {(row["cell"], row["form"], row["modality"]): row for row in rows}
    assert len(costs) == len(rows) == 6
    for modality in ("image", "text"):
        base, unmerged, merged = (
            costs["full", "merged", modality],
            costs["lora", "unmerged", modality],
            costs["lora", "merged", modality],
        )
        for what in ("flops", "weight_bytes", "activation_bytes"):
            assert merged[what] == base[what] < unmerged[what]
        assert (len(base["samples_ms"]), len(base["batch_samples_ms"]), base["batch_size"]) == (3, 2, 2)
