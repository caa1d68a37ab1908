"""Structured updates: what is not chosen stays to the bit, sizes are what formulas say, limit cases are equal."""

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.adaptation import methods as adaptation
from crossmodal.adaptation.targets import Target
from crossmodal.errors import UserError
from crossmodal.models import dual_encoder
from crossmodal.registry import kinds, parse
from crossmodal.updates import methods
from crossmodal.updates.parts import Layer, find_parts, weight_of
from crossmodal.updates.structured import choose, masks_of

STRUCTURED = {"rank": 4, "heads": 1, "channels": 0.25, "sparsity": 0.1}
UPDATES = [
    {"kind": "lorsu", **STRUCTURED},
    {"kind": "random", **STRUCTURED},
    {"kind": "lora", "rank": 4},
    {"kind": "lora", "matches": {"kind": "lorsu", **STRUCTURED}},
    {"kind": "lora", "rank": 4, "first_layers": True},
    {"kind": "projection"},
    {"kind": "gradient_mask", "sparsity": 0.1},
    {"kind": "full"},
    {"kind": "frozen"},
]
MODELS = ["torch", "open_clip", "timm", "convolutions"]


def pixels() -> torch.Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def changed(before, after) -> dict[str, torch.Tensor]:
    """Where the tensors of two models differ, bit for bit, by the names of those that do."""
    own, other = before.state_dict(), after.state_dict()
    assert own.keys() == other.keys()
    return {name: where for name in own if (where := own[name] != other[name]).any()}


def test_the_kinds() -> None:
    assert {update["kind"] for update in UPDATES} == set(kinds("updates"))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("values", UPDATES, ids=str)
def test_the_start_is_the_base_model_and_the_merged_the_unmerged_one(
    values, model, fresh, params, attach, train
) -> None:
    base, own = fresh(model), fresh(model)
    masks = attach(own, params(**values))
    start = dual_encoder.encode_images(base, pixels())
    assert (dual_encoder.encode_images(own, pixels()) - start).abs().max() < 1e-6
    merged = fresh(model)
    attach(merged, params(**values))
    methods.merge(merged)
    assert changed(base, merged) == {}, (
        "the same weights, bit for bit; which kernel reads them is torch's to say"
    )
    train(own, masks)
    trained = dual_encoder.encode_images(own, pixels())
    methods.merge(own)
    assert (dual_encoder.encode_images(own, pixels()) - trained).abs().max() < 1e-6
    assert own.state_dict().keys() == base.state_dict().keys()
    assert not any(p.requires_grad for p in own.parameters())
    assert (values["kind"] == "frozen") == (not changed(base, own))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("values", UPDATES, ids=str)
def test_each_trained_parameter_gets_a_gradient_and_the_other_tower_stays(
    values, model, fresh, updated, params
) -> None:
    names = set(changed(fresh(model), updated(params(**values), model)))
    assert all(name.startswith("visual.") for name in names)
    assert bool(names) == (values["kind"] != "frozen")


@pytest.mark.parametrize("model", ["torch", "open_clip", "timm"])
@pytest.mark.parametrize("kind", ["lorsu", "random"])
def test_rows_of_other_heads_stay_to_the_bit(kind: str, model: str, fresh, updated, params) -> None:
    base = fresh(model)
    moved = changed(base, updated(params(kind, **STRUCTURED), model))
    weights = [n for n in moved if n.endswith(("in_proj_weight", "qkv.weight"))]
    parts = find_parts(base, "image", kind)
    assert len(weights) == len(parts.layers) > 0
    for name, layer in zip(weights, parts.layers, strict=True):
        rows = moved[name].any(dim=1)
        heads = layer.row_groups(layer.targets[0])[rows].unique()
        assert len(heads) == 1 and rows.sum() == 3 * len(rows) // 3 // layer.groups
        assert torch.equal(rows.nonzero().flatten(), layer.rows(layer.targets[0], heads))


def test_channels_of_convolutions_take_the_place_of_heads(fresh, updated, params) -> None:
    base = fresh("convolutions")
    moved = changed(base, updated(params("lorsu", **STRUCTURED), "convolutions"))
    pointwise = [n for n in moved if n.endswith("conv_pwl.weight")]
    assert len(pointwise) == 4
    for name in pointwise:
        rows = moved[name].flatten(1).any(dim=1)
        assert rows.sum() == len(rows) // 4
    wide = [n for n in moved if n.endswith("conv_pw.weight")]
    assert wide and all(moved[n].sum() <= int(0.1 * moved[n].numel()) for n in wide)
    assert {n for n in moved if n.endswith("bn3.bias")}, "what follows a convolution is its bias"
    assert not any("running" in n for n in moved)


@pytest.mark.parametrize("kind", ["lorsu", "random", "gradient_mask"])
def test_single_weights_within_the_budget_move_and_decay_moves_no_other(
    kind: str, fresh, params, attach, train
) -> None:
    base, own = fresh(), fresh()
    sizes = STRUCTURED if kind != "gradient_mask" else {"sparsity": 0.1}
    masks = attach(own, params(kind, **sizes))
    train(own, masks)
    methods.merge(own)
    moved = changed(base, own)
    names = [n for n in moved if n.endswith("c_fc.weight")]
    assert set(names) == set(masks.masks()) and len(names) == 2
    for name in names:
        assert not (moved[name] & ~masks.masks()[name]).any()
        assert 0 < moved[name].sum() <= masks.masks()[name].sum() == int(0.1 * moved[name].numel())


def test_without_holding_decay_would_move_them(fresh, params, attach, train) -> None:
    base, own = fresh(), fresh()
    masks = attach(own, params("gradient_mask", sparsity=0.1))
    masks.hold = lambda: None
    train(own, masks)
    moved = changed(base, own)
    assert all((moved[name] & ~mask).any() for name, mask in masks.masks().items())


@pytest.mark.parametrize("model", MODELS)
def test_all_heads_and_no_sparse_part_is_lora_exactly(model: str, fresh, updated, params, bases) -> None:
    heads = find_parts(bases[model], "image", "").layers[0].groups
    whole = updated(params("lorsu", rank=4, heads=heads, channels=1.0, sparsity=0.0), model)
    lora = updated(params("lora", rank=4), model)
    assert changed(whole, lora) == {} and changed(whole, fresh(model))


@pytest.mark.parametrize("model", ["torch", "open_clip", "timm"])
def test_without_biases_and_projection_it_is_the_adaptation_of_that_name(
    model: str, fresh, updated, params, train
) -> None:
    own = updated(params("lora", rank=4, scale=2.0, biases=False, projection=False), model)
    other, method = fresh(model), {"kind": "lora", "rank": 4, "alpha": 8.0, "towers": "image"}
    adaptation.attach(other, parse("adaptation", method), seed=3)
    train(other, methods.Masks({}))
    adaptation.merge(other, parse("adaptation", method))
    assert changed(own, other) == {}


def test_equal_settings_give_equal_updates_and_another_seed_another(updated, params) -> None:
    values = params("random", **STRUCTURED)
    assert changed(updated(values), updated(values)) == {}
    assert changed(updated(values), updated(values, seed=4))


@pytest.mark.parametrize("model", MODELS)
def test_a_random_choice_trains_as_many(model: str, fresh, params, attach) -> None:
    counts = []
    for kind in ("lorsu", "random"):
        own = fresh(model)
        counts.append(attach(own, params(kind, **STRUCTURED)).trained(own))
    assert counts[0] == counts[1]


def test_counts_are_those_of_the_formula(fresh, params, attach) -> None:
    width, head, layers, rank, joint = 64, 16, 2, 4, 24
    terms = layers * (3 * rank * width + 3 * head * rank) + rank * (width + joint)
    biases = layers * (3 * width + 4 * width)
    sparse = layers * int(0.1 * 4 * width * width)
    own = fresh()
    assert attach(own, params("lorsu", **STRUCTURED)).trained(own) == terms + biases + sparse
    own = fresh()
    plain = layers * (3 * rank * width + 3 * width * rank) + rank * (width + joint) + biases
    assert attach(own, params("lora", rank=rank)).trained(own) == plain
    own = fresh()
    wider = layers * rank * (width + 4 * width)
    assert attach(own, params("lora", rank=rank, first_layers=True)).trained(own) == plain + wider
    own = fresh()
    assert attach(own, params("projection")).trained(own) == width * joint
    own = fresh()
    assert attach(own, params("gradient_mask", sparsity=0.1)).trained(own) == sparse
    own = fresh()
    assert attach(own, params("full")).trained(own) == sum(p.numel() for p in own.visual.parameters())
    own = fresh()
    assert attach(own, params("frozen")).trained(own) == 0


@pytest.mark.parametrize("first_layers", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_lora_of_a_budget_trains_as_many_as_it_allows_and_no_more(
    model: str, first_layers: bool, fresh, params, attach
) -> None:
    own, budget = fresh(model), fresh(model)
    allowed = attach(budget, params("lorsu", **STRUCTURED)).trained(budget)
    same = {"matches": {"kind": "lorsu", **STRUCTURED}, "first_layers": first_layers}
    taken = attach(own, params("lora", **same)).trained(own)
    assert 0.7 * allowed < taken <= allowed


@pytest.mark.parametrize("model", MODELS)
def test_terms_on_first_layers_are_where_single_weights_are(model: str, fresh, updated, params) -> None:
    base = fresh(model)
    sparse = set(changed(base, updated(params("gradient_mask", sparsity=0.1), model)))
    alone = set(changed(base, updated(params("lora", rank=4, biases=False), model)))
    wider = set(changed(base, updated(params("lora", rank=4, biases=False, first_layers=True), model)))
    assert wider - alone == sparse and alone < wider


def test_the_scale_is_the_rate_of_terms_and_of_nothing_else(fresh, updated, params) -> None:
    base, sizes = fresh(), {"rank": 4, "heads": 1, "sparsity": 0.1}
    moved = {}
    for scale in (1.0, 10.0):
        after = updated(params("lorsu", scale=scale, **sizes))
        own = {n: (after.state_dict()[n] - base.state_dict()[n]).norm() for n in changed(base, after)}
        moved[scale] = {kind: sum(v for n, v in own.items() if n.endswith(kind)) for kind in
                        ("in_proj_weight", "c_fc.weight")}  # fmt: skip
    assert moved[10.0]["in_proj_weight"] > 5 * moved[1.0]["in_proj_weight"]
    assert moved[10.0]["c_fc.weight"] < 2 * moved[1.0]["c_fc.weight"]


def test_the_text_tower_can_be_updated_alone_and_both_at_once(fresh, updated, params) -> None:
    values = params("lorsu", rank=4, heads=1, sparsity=0.1)
    base = fresh()
    text = set(changed(base, updated(values, towers="text")))
    assert text and not any(name.startswith("visual.") for name in text) and "text_projection" in text
    both = set(changed(base, updated(values, towers="both")))
    assert text < both and any(name.startswith("visual.") for name in both)


def test_the_gradient_is_the_mean_over_images(fresh) -> None:
    model, weights = fresh(), torch.tensor([1.0, 2.0])

    def loss(which: int) -> torch.Tensor:
        return weights[which] * dual_encoder.encode_images(model, pixels())[which].sum()

    mean = methods.mean_gradients(model, "image", [(1, lambda: loss(0)), (3, lambda: loss(1))])
    one = methods.mean_gradients(model, "image", [(1, lambda: loss(0))])
    other = methods.mean_gradients(model, "image", [(1, lambda: loss(1))])
    for name in mean:
        torch.testing.assert_close(mean[name], (one[name] + 3 * other[name]) / 4)


@settings(max_examples=30)
@given(heads=st.integers(1, 4), sparsity=st.floats(0, 0.9), seed=st.integers(0, 9))
def test_the_choice_is_that_of_a_slow_loop(heads: int, sparsity: float, seed: int) -> None:
    linear = torch.nn.Linear(6, 24)
    layer = Layer([Target("a", linear, "weight", 3, "a")], 4)
    scores = torch.randn(24, 6, generator=torch.Generator().manual_seed(seed))
    params = parse("updates", {"kind": "lorsu", "heads": heads, "sparsity": sparsity})
    totals = [
        sum(float(scores[8 * block + 2 * head + row, k]) ** 2
            for block in range(3) for row in range(2) for k in range(6))
        for head in range(4)
    ]  # fmt: skip
    expected = sorted(sorted(range(4), key=lambda head: -totals[head])[:heads])
    assert choose(layer, params, lambda _: scores, "lorsu").tolist() == expected
    found = masks_of(layer.targets, sparsity, lambda _: scores)
    flat = scores.abs().flatten().tolist()
    best = set(sorted(range(144), key=lambda i: -flat[i])[: int(sparsity * 144)])
    mask = found["a.weight"].flatten().tolist() if found else [False] * 144
    assert {i for i, kept in enumerate(mask) if kept} == best


def test_more_heads_than_there_are_is_one_line(fresh, params, attach) -> None:
    with pytest.raises(UserError) as error:
        attach(fresh(), params("lorsu", rank=4, heads=5))
    assert str(error.value).startswith("lorsu: heads is 5, but visual.transformer.resblocks.0.attn has 4")
    with pytest.raises(UserError, match="lora: rank 65 exceeds the width 64 of"):
        attach(fresh(), params("lora", rank=65))


@pytest.mark.parametrize("architecture", ["convnext_atto", "fastvit_t8"])
def test_first_layers_may_be_convolutions(architecture: str) -> None:
    with torch.device("meta"):
        model = torch.nn.Module()
        model.visual = timm.create_model(architecture, num_classes=0)
    parts = find_parts(model, "image", "lorsu")
    first = [target.path for target in parts.first]
    assert first and all(path.endswith("mlp.fc1") for path in first)
    assert sum(path.endswith("mlp.fc2") for layer in parts.layers for path in [layer.targets[0].path]) == len(
        first
    )


def test_without_first_layers_single_weights_are_asked_for_in_vain(params) -> None:
    model = torch.nn.Module()
    model.visual = timm.create_model("test_resnet", num_classes=0)
    for update in (params("lorsu", **STRUCTURED), params("random", **STRUCTURED)):
        gradients = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
        with pytest.raises(UserError, match=f"{update.kind}: no first layer of an MLP .* write sparsity: 0"):
            methods.attach(model, update, "image", gradients, seed=3)
    methods.attach(model, params("random", **STRUCTURED | {"sparsity": 0.0}), "image", {}, seed=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "lorsu", "sparsity": 1.0}, "less than 1"),
        ({"kind": "lorsu", "sparsity": -0.1}, "greater than or equal to 0"),
        ({"kind": "gradient_mask", "sparsity": 0.0}, "greater than 0"),
        ({"kind": "lora"}, "either rank or matches"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse("updates", values)


def test_weights_that_are_found_are_of_the_tower(bases) -> None:
    for model in bases.values():
        parts = find_parts(model, "image", "")
        targets = [t for layer in parts.layers for t in layer.targets] + parts.first + parts.projections
        assert all(t.path.startswith("visual") for t in targets) and parts.projections and parts.first
        assert len({id(weight_of(t)) for t in targets}) == len(targets)
