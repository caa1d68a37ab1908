"""Parameters of few-shot classification: roles are methods, sets have classes that nobody was trained on."""

from typing import Any

import pytest
from pydantic import ValidationError

from crossmodal.experiments.few_shot.params import Params

METHODS = {"zero": {"kind": "zero_shot"}, "tip": {"kind": "tip_adapter_f"}, "xm": {"kind": "xmadapter"}}


def params(**values: Any) -> Params:
    return Params.model_validate({"sets": ["a", "b"], "methods": METHODS} | values)


def test_the_reference_is_fitted_once_more() -> None:
    assert params(reference="tip").again() == "tip-again" and params().again() is None


def test_another_backbone_has_its_own_methods() -> None:
    room = params(others={"vit": ["xm", "zero"]})
    assert list(room.fitted("vit")) == ["xm", "zero"] and list(room.fitted("towers")) == list(METHODS)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cell": "tipp"}, "cell: tipp is none of the methods"),
        ({"cell": "xm", "reference": "xm"}, "xm would be compared with itself"),
        ({"sets": ["a", "b", "a"]}, r"got \[a, b, a\], with a more than once; accepts each name once"),
        ({"shots": [1, 1]}, "shots: each number stands there once"),
        ({"elsewhere": {"source": "c", "sets": ["b"]}}, "c: elsewhere and timing learn from one of the sets"),
        ({"elsewhere": {"source": "a", "sets": ["a"]}}, "a is what is learnt from"),
        ({"timing": {"set": "c"}}, "c: elsewhere and timing"),
        ({"reference": "zero"}, "reference: zero trains nothing"),
        ({"baseline": "tip"}, "baseline: tip is of the kind tip_adapter_f, not zero_shot"),
        ({"seen": ["c"]}, "seen: c is none of the sets"),
        (
            {"methods": {"chance": {"kind": "zero_shot"}}},
            "methods: chance is a name that numbers use otherwise",
        ),
        ({"sets": ["a", "sets"]}, "sets: sets is what numbers call a mean over several sets"),
        ({"sets": ["a", "unseen"]}, "sets: unseen is what numbers call a mean"),
        (
            {"elsewhere": {"source": "a", "sets": ["elsewhere"]}},
            "sets: elsewhere is what numbers call a mean",
        ),
        (
            {"methods": METHODS | {"tip-again": {"kind": "tip_adapter_f"}}, "reference": "tip"},
            "methods: tip-again is a name that numbers use otherwise",
        ),
        ({"methods": {"tip@vit": {"kind": "tip_adapter"}}}, "should match pattern"),
        (
            {"methods": {"x-again": {"kind": "zero_shot"}}},
            "methods: x-again is a name that numbers use otherwise",
        ),
        (
            {"methods": {"tip": {"kind": "tip_adapter", "chosen_on": "test"}}},
            "has a name that ends in -on-test",
        ),
        ({"methods": {"tip-on-test": {"kind": "tip_adapter"}}}, "has a name that ends in -on-test"),
        (
            {"methods": {"a-on-test": {"kind": "xmadapter", "chosen_on": "test"}}, "cell": "a-on-test"},
            "cell: a-on-test chooses on the test split",
        ),
        ({"others": {"vit": ["xmm"]}}, "others.vit: xmm is none of the methods"),
        ({"prompts": ["no place"]}, "where the name of the class goes"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        params(**values)
