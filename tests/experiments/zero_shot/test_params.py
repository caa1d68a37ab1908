"""What H4 may be told: which cells are one student, which domains are unseen, who taught whom."""

from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.zero_shot.jobs import known_sets, teaching_runs, trained_models
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.students import teaching_run
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
STUDENT = {**DEFAULTS["models"]["student"], "seed": 1}
TUNED = {**DEFAULTS["models"]["student"], "cell": "full"}


def as_it_is(model: str) -> dict:
    return {"method": {"kind": "zero_shot"}, "model": model, "seeds": [0]}


MODELS = {"student-again": STUDENT, "student-tuned": TUNED}
CELLS = {"again": as_it_is("student-again"), "tuned": as_it_is("student-tuned")}


def study(**changes: object) -> Study:
    return load_study(DEFAULTS, {"models": MODELS, "adaptation": {"cells": CELLS}} | changes)


def test_a_student_may_be_several_that_differ_by_their_seed() -> None:
    found = study(zero_shot={"students": {"student": {"cells": ["student", "again"]}}})
    assert found.room("zero_shot").student_of("again") == ("student", 1)


@pytest.mark.parametrize(
    ("room", "message"),
    [
        ({"students": {"student": {"cells": ["student", "tuned"]}}},
         'zero_shot.students.student.cells: got "tuned"'),
        ({"students": {"other": {"cells": ["full"]}}}, 'zero_shot.students.other.cells: got "full"'),
        ({"students": {"bitfit": {"cells": ["again"]}}}, 'zero_shot.students: got "bitfit"'),
        ({"domains": ["openmoji"]}, 'zero_shot.domains: got "openmoji"'),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(room: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        study(zero_shot=room)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_student_learns_from_the_run_with_its_own_seed() -> None:
    further = {"other": {**TUNED, "seed": 1}, "third": {**TUNED, "seed": 99}}
    found = study(models=MODELS | further)
    assert found.seeds_of("full")[:2] == [0, 1]
    taught = {name: teaching_run(found, name) for name in ("student", "student-tuned", "other", "third")}
    assert taught == {
        "student": None, "student-tuned": ("full", 0), "other": ("full", 1), "third": ("full", 0),
    }  # fmt: skip


def test_names_are_met_by_whatever_a_tried_model_learnt_from() -> None:
    found = study(zero_shot={"students": {"tuned": {"cells": ["tuned"]}}})
    assert [name.dataset for name in known_sets(found)] == ["web", "openmoji"]
    assert trained_models(found) == ["student", "student-tuned"] and teaching_runs(found) == [("full", 0)]


def test_what_is_compared_as_it_is_forgets_nothing() -> None:
    found = study()
    domains = {cell for rule, run in grid.jobs(found) if rule == "embed_domains" for cell in [run["cell"]]}
    assert {"zero-shot", "full", "lora-r8"} <= domains and not domains & {"student", "tuned", "lite0"}
