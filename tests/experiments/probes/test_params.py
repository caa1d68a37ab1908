"""What the probes may be told, and which files each of their jobs is given."""

import json
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.probes.jobs import known_sets
from crossmodal.experiments.probes.params import KNOWS
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
HUB = {"kind": "hub", "architecture": "ViT-B-32-quickgelu", "pretrained": "openai"}
STUDENTS = {"student": None}
CLIP = {
    "models": {"towers": None, "clip": HUB, **STUDENTS},
    "adaptation": {"cells": STUDENTS},
    "zero_shot": {"students": STUDENTS, "probe": None},
}


def study(probes: list[str], **changes: object) -> Study:
    asked = {"probes": {"probes": probes}, "zero_shot": {"probe": None}, "encoders": {"probe": None}}
    return load_study(DEFAULTS, asked | changes)


@pytest.mark.parametrize(
    ("probes", "changes", "message"),
    [
        (
            ["lokup"], {},
            'probes.probes: got "lokup", which is no probe; did you mean "lookup"? (accepts: lookup, colours)',
        ),
        (["colours", "colours"], {}, "probes: colours stands in it twice"),
        (
            ["colours", "lookup"], CLIP,
            'probes.probes: got "lookup", which is no probe of a study whose first model, clip, is trained on no'
            " dataset (accepts: colours)",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(probes: list[str], changes: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        study(probes, **changes)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_colours_need_no_crawl() -> None:
    found = study(["colours"], **CLIP)
    assert found.rooms()[-1] == "probes"
    assert found.model_of("full") == "clip", "and neither a student nor an encoder, which stand before it"


def test_each_probe_is_a_job_that_knows_its_own_training_split_and_none_of_the_test() -> None:
    found = study([*KNOWS])
    assert [wildcards for rule, wildcards in grid.jobs(found) if rule == "evaluate_probe"] == [
        {"probe": "lookup", "dataset": "openmoji"}, {"probe": "colours", "dataset": "openmoji"},
    ]  # fmt: skip
    assert [(name.dataset, name.split) for name in known_sets(found, "lookup")] == [("web", "train")]
    assert [(name.dataset, name.split) for name in known_sets(found, "colours")] == [("openmoji", "train")]


def test_the_crawl_is_that_of_the_first_model_that_some_cell_adapts() -> None:
    unused = {
        "spare": {
            "kind": "scratch",
            "config": "vit-nano-32",
            "datasets": ["fluent"],
            "training": {"epochs": 1},
        }
    }
    defaults = DEFAULTS | {"models": unused | DEFAULTS["models"]}
    cells = {name: {"model": "towers"} for name in DEFAULTS["adaptation"]["cells"]}
    others = {"zero_shot": {"students": STUDENTS}, "encoders": {"cells": [], "cell": None, "reference": None}}
    # A few-shot set of the spare one's pictures would be called unseen otherwise.
    found = load_study(defaults, {"adaptation": {"cells": cells}, "few_shot": None, **others})
    assert [name.dataset for name in known_sets(found, "lookup")] == ["web"]


def test_a_job_depends_on_the_code_of_its_own_probe_alone() -> None:
    found = study([*KNOWS])
    for probe in KNOWS:
        code = json.loads(spec(found, "evaluate_probe", probe=probe, dataset="openmoji"))["code"]
        own = {name.rpartition(".")[2] for name in code if name.startswith("crossmodal.experiments.probes.")}
        assert own == {"evaluate_probe", "examples", "tfidf", probe}
