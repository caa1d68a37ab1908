"""Students in a study: their teachers are made too, before them, and what cannot be is refused before any job."""

import json
from pathlib import Path
from typing import Any

import pytest

from crossmodal.errors import UserError
from crossmodal.parameters import merge
from crossmodal.study import grid, students
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
"""The default study without its own students and encoders."""
for name in [name for name, model in DEFAULTS["models"].items() if name != "towers"]:
    del DEFAULTS["models"][name]
for name in [name for name, cell in DEFAULTS["adaptation"]["cells"].items() if (cell or {}).get("model")]:
    del DEFAULTS["adaptation"]["cells"][name]
DEFAULTS |= dict.fromkeys(("zero_shot", "encoders", "continual", "few_shot"))
STUDENT = {
    "kind": "distilled", "teacher": "towers", "image": {"architecture": "mobilenetv2_050"}, "datasets": ["web"],
    "training": {"epochs": 2},
}  # fmt: skip


def study(student: dict[str, Any] | None = None, **more: Any) -> Study:
    overrides = {
        "models": {"student": STUDENT | (student or {})},
        "adaptation": {"cells": {"student": {"method": {"kind": "zero_shot"}, "model": "student"}}},
    }
    return load_study(DEFAULTS, merge(overrides, more))


def jobs_of(model: str, of: Study) -> list[str]:
    return [rule for rule, wildcards in grid.jobs(of) if wildcards.get("model") == model]


def test_a_student_is_made_from_its_teacher() -> None:
    found = study()
    assert found.used_models() == ["towers", "student"] and found.text_towers() == ["minilm"]
    assert jobs_of("student", found) == ["cut_text_tower", "distil_model"]
    assert jobs_of("towers", found) == ["build_model"]
    assert students.lineage(found, "student") == ["student", "towers"]


def test_a_teacher_that_no_cell_adapts_is_made_too() -> None:
    other = DEFAULTS["models"]["towers"] | {"embed_dim": 64}
    found = study({"teacher": "other"}, models={"other": other})
    assert found.used_models() == ["towers", "student", "other"]


def test_a_student_changes_no_other_job() -> None:
    plain, found = load_study(DEFAULTS, {}), study()
    before = {
        (rule, *wildcards.values()): spec(plain, rule, **wildcards) for rule, wildcards in grid.jobs(plain)
    }
    after = {
        (rule, *wildcards.values()): spec(found, rule, **wildcards) for rule, wildcards in grid.jobs(found)
    }
    own = {key for key in after if key not in before}
    assert {key[0] for key in own} == {
        "cut_text_tower", "distil_model", "adapt_model", "embed_target", "evaluate_target",
    }  # fmt: skip
    names = {key[0] for key in before if before[key] != after[key]}
    assert not names & {"build_model", "adapt_model", "embed_target", "evaluate_target", "build_index"}


def test_the_spec_of_a_student() -> None:
    found = study()
    content = json.loads(spec(found, "distil_model", model="student"))
    assert content["parameters"]["model"]["losses"]["feature"] == 2000.0
    assert content["parameters"]["training"]["epochs"] == 2
    code = set(content["code"])
    assert {"crossmodal.models.distilled", "crossmodal.training.distillation_losses"} <= code
    assert "crossmodal.models.hugging_face" in code and "transformers" in content["environment"]
    assert "crossmodal.adaptation.methods" not in code and "crossmodal.training.loop" not in code
    cut = json.loads(spec(found, "cut_text_tower", model="student"))
    assert cut["parameters"] == {"text": {"layers": None, "width": None}}
    assert "torch" not in cut["environment"]


def test_a_cell_that_teaches_is_in_the_spec_by_its_method() -> None:
    code = set(json.loads(spec(study({"cell": "lora-r8"}), "distil_model", model="student"))["code"])
    assert {"crossmodal.adaptation.methods", "crossmodal.adaptation.lora"} <= code
    assert "crossmodal.adaptation.adalora" not in code


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (
            {"teacher": "tower"},
            'models.student.teacher: got "tower", which is no model; did you mean "towers"',
        ),
        ({"teacher": "student"}, "models.student.teacher: got student: no model teaches itself"),
        ({"teacher": "second"}, "models.student.teacher: got second of student: no model teaches itself"),
        ({"cell": "fulll"}, 'models.student.cell: got "fulll", which is no cell; did you mean "full"'),
        ({"cell": "student"}, 'models.student.cell: got "student", which is no cell that adapts towers'),
        (
            {"config": "vit-nano-32", "image": {}},
            "models.student: its tokenizer is CLIP's own .* a student reads the tokens of its teacher",
        ),
        ({"image": {"layers": 3}}, "models.student: image.layers is of open_clip's vision transformer"),
        ({"training": None}, "a model of kind distilled needs datasets and training"),
    ],
)
def test_a_wrong_student_is_one_line(student: dict[str, Any], message: str) -> None:
    second = {"models": {"second": STUDENT | {"teacher": "student"}}} if "second" in str(student) else {}
    with pytest.raises(UserError, match=message) as error:
        study(student, **second)
    assert "\n" not in str(error.value)
