"""Parameters of students: what is refused before any job, and what follows from the teacher."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.models.pretrained import TOWER_FILES

TOWERS = {
    "kind": "towers",
    "image": {"architecture": "tf_efficientnet_lite0", "weights": "efficientnet-lite0", "size": 64},
    "text": {"weights": "minilm"},
}


def parse(**values: Any) -> Any:
    return registry.parse("models", {"kind": "distilled", "teacher": "towers", **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config": "vit-nano-32", "embed_dim": 8}, "it leaves no room for embed_dim"),
        ({"config": "vit-nano-23"}, "nearest 'vit-nano-32'"),
        ({"image": {"architecture": "mobilenetv2_05"}}, "image.architecture: got .*mobilenetv2_05"),
        ({"image": {"architecture": "mobilenetv2_050", "layers": 2}}, "takes neither layers nor width"),
        ({"losses": {"featrue": 1.0}}, 'did you mean "feature"'),
        ({"text": {"layers": 0}}, "greater than or equal to 1"),
        ({"largest_share": 1.5}, "less than or equal to 1"),
    ],
)
def test_wrong_parameters(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parse(**values)


@pytest.mark.parametrize(
    "values", [{}, {"config": "vit-nano-32"}, {"image": {"architecture": "mobilenetv2_050"}}]
)
def test_a_spec_is_parsed_again_to_the_same(values: dict[str, Any]) -> None:
    student = parse(**values)
    assert registry.parse("models", json.loads(json.dumps(student.model_dump(mode="json")))) == student


def test_what_follows_from_the_teacher() -> None:
    teacher, student = registry.parse("models", TOWERS), parse(image={"architecture": "mobilenetv2_050"})
    assert student.bind(teacher) is None
    assert (
        student.cuts_text_tower
        and student.packages() == ()
        and student.modules() == ["crossmodal.models.distilled"]
    )
    assert student.tower_files("t") == [f"t/minilm/{name}" for name in TOWER_FILES]
    assert student.model_cfg()["vision_cfg"]["timm_model_name"] == "mobilenetv2_050"
    assert student.model_cfg()["text_cfg"]["hf_tokenizer_name"] == "minilm"
    second = parse(teacher="student")
    assert second.bind(student) is None and second.tower_files("t") == student.tower_files("t")


def test_a_teacher_that_fits_no_student() -> None:
    teacher = registry.parse("models", TOWERS)
    assert "its tokenizer is CLIP's own (24 tokens) and the teacher's minilm (32 tokens)" in parse(
        config="vit-nano-32"
    ).bind(teacher)
    assert "write image.architecture" in parse(image={"layers": 2}).bind(teacher)
    hub = registry.parse(
        "models", {"kind": "hub", "architecture": "roberta-ViT-B-32", "pretrained": "laion2b_s12b_b32k"}
    )
    assert "the text tower of its teacher, roberta-base, is no folder here" in parse().bind(hub)


def test_it_is_asked_for_only_where_a_study_has_bound_it() -> None:
    with pytest.raises(RuntimeError, match="where a study has bound it"):
        parse().model_cfg()
