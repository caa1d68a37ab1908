"""What differs between two specs."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from crossmodal.provenance.differences import compare_specs, differing

SPEC = {
    "rule": "adapt_model",
    "wildcards": {"cell": "lora"},
    "parameters": {"method": {"kind": "lora", "rank": 8}, "adversary": None, "layers": [1, 2]},
    "seed": 0,
    "threads": 1,
    "code": {"crossmodal.adaptation.lora": "aaa", "crossmodal.training.loop": "bbb"},
    "environment": {"torch": "2.15.0"},
}


def changed(**changes) -> list[tuple[str, str]]:
    spec = deepcopy(SPEC)
    for path, value in changes.items():
        target = spec
        *folders, last = path.split("__")
        for folder in folders:
            target = target[folder]
        target[last] = value
    return [(difference.kind, str(difference)) for difference in compare_specs(SPEC, spec)]


def test_each_kind_of_difference_is_named() -> None:
    assert changed() == []
    assert changed(parameters__method__rank=4) == [("params", "method.rank 8 → 4")]
    assert changed(seed=1) == [("params", "seed 0 → 1")]
    assert changed(threads=2) == [("params", "threads 1 → 2")]
    assert changed(parameters__layers=[2, 1]) == [("params", "layers [1, 2] → [2, 1]")]
    assert changed(parameters__adversary={"kind": "pgd"}) == [("params", "adversary.kind pgd is new")]
    assert changed(code={"crossmodal.adaptation.lora": "ccc"}) == [
        ("code", "crossmodal.adaptation.lora aaa → ccc"),
        ("code", "crossmodal.training.loop bbb is gone"),
    ]
    assert changed(environment__torch="2.16.0") == [("environment", "torch 2.15.0 → 2.16.0")]


def test_a_long_value_is_cut() -> None:
    ((_, text),) = changed(parameters__layers=list(range(100)))
    assert len(text) < 140 and text.endswith("...")


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=2), VALUES, max_size=3), VALUES)
def test_equal_specs_have_no_difference_and_each_side_sees_the_same_ones(parameters: dict, other) -> None:
    first = SPEC | {"parameters": parameters}
    second = SPEC | {"parameters": parameters | {"new": other}}
    assert compare_specs(first, deepcopy(first)) == []
    there, back = compare_specs(first, second), compare_specs(second, first)
    assert {(d.key, d.recorded, d.current) for d in there} == {(d.key, d.current, d.recorded) for d in back}


def test_what_differs_in_two_manifests_is_named_two_levels_deep() -> None:
    one = {"started": 1, "outputs": {"a": [1], "b": [2]}, "spec": {"code": {"m": 1, "n": 2}}, "gone": None}
    other = {"started": 1, "outputs": {"a": [3], "b": [2]}, "spec": {"code": {"m": 1, "n": 3}}, "new": 0}
    assert differing(one, other) == ["outputs.a", "spec.code", "gone", "new"]
    assert differing(one, one) == []
