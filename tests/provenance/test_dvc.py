"""The parameters of each DVC stage are those that the specs of its jobs hold."""

import json
from collections.abc import Iterator
from contextlib import chdir
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.provenance.dag import Job, list_jobs
from crossmodal.provenance.dvc import PARAMETERS, SHARED, dvc_yaml, parameters_of, plots, rule_stages
from crossmodal.study.configuration import read_yaml
from crossmodal.study.rules import RULES, room_rules
from crossmodal.study.specs import spec
from crossmodal.study.study import load_study

PARAMS = yaml.safe_load(Path("params.yaml").read_text())


def covers(named: str, path: str) -> bool:
    return path == named or path.startswith(f"{named}.")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of all that is no mapping."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def edited(path: str, value: Any) -> dict[str, Any]:
    """Return params.yaml with another value at `path`."""
    params = deepcopy(PARAMS)
    *parents, last = path.split(".")
    place = params
    for key in parents:
        place = place[key]
    place[last] = value
    return params


def others(value: Any) -> list[Any]:
    """Return values to try instead of `value`; some may not be valid there."""
    if isinstance(value, bool) or value is None:
        return [1, 0.5, "openmoji"]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value, 4]
    if isinstance(value, float):
        return [value * 0.5, value * 1.5]
    if isinstance(value, list):
        return [value[:-1], value[:1]]
    return [
        "vit-nano-32",
        "ivf-pq",
        "lora-r8-pgd",
        "bitfit",
        "fluent",
        "l2",
        "4/255",
        "jpeg_compression",
        "fog",
        f"{value}2",
    ]


STAGES = (*PARAMETERS, *registry.rooms())
NAMED = [room for room in registry.rooms() if room in PARAMS]
"""The experiments of the default study."""


def test_every_rule_has_a_stage_and_every_stage_its_parameters() -> None:
    stages = rule_stages()
    rooms = {room: set(room_rules(room)) for room in registry.rooms()}
    assert set(stages) == set(RULES).union(*rooms.values())
    assert set(stages.values()) == set(STAGES)
    for room, own in rooms.items():
        assert {rule for rule, stage in stages.items() if stage == room} == own, "an experiment is a stage"


def test_every_named_key_exists_and_every_key_of_a_study_is_named() -> None:
    paths = [path for path, _ in leaves(PARAMS)]
    for stage in STAGES:
        assert [n for n in parameters_of(stage) if not any(covers(n, path) for path in paths)] == [], stage
    named = [name for stage in STAGES if stage != "provenance" for name in parameters_of(stage)]
    unnamed = [path for path in paths if not any(covers(name, path) for name in named)]
    assert {path.split(".")[0] for path in unnamed} <= {"compute"}
    assert {*SHARED, *NAMED} == set(PARAMS) - {"compute"} == set(parameters_of("provenance"))


OTHERS = {"scale": {"search"}}
"""By experiment those whose parameters its jobs have as well: search at scale ends in a stage of `search`."""


def test_an_experiment_names_another_ones_parameters_only_where_its_jobs_have_them() -> None:
    for room in registry.rooms():
        named = set(registry.rooms()) & set(parameters_of(room))
        assert named == ({room} | OTHERS.get(room, set())) & set(NAMED)


@pytest.fixture(scope="module")
def jobs(clone: Path) -> list[Job]:
    with chdir(clone):
        return list_jobs(())


def specs_of(jobs: list[Job], params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the spec of each job, less its code, which the parameters' own code cannot name."""
    study = load_study(params, {})
    found = {job.name: json.loads(spec(study, job.rule, **dict(job.wildcards))) for job in jobs}
    return {
        name: {k: v for k, v in content.items() if k in ("parameters", "seed", "threads")}
        for name, content in found.items()
    }


@pytest.mark.slow
def test_a_stage_names_every_parameter_in_its_specs(jobs: list[Job]) -> None:
    """Each value of params.yaml in turn is changed: the stages whose specs differ are those that name it."""
    stages = rule_stages()
    # One job of a rule and cell is enough; all of them would take minutes.
    chosen = list(
        {
            (job.rule, dict(job.wildcards).get("cell"), dict(job.wildcards).get("pipeline")): job
            for job in jobs
        }.values()
    )
    before = specs_of(chosen, PARAMS)
    tried = 0
    for path, value in leaves(PARAMS):
        for other in others(value):
            if other == value:
                continue
            try:
                after = specs_of(chosen, edited(path, other))
            except (UserError, LookupError):
                continue  # not valid here, or the job is gone with what it was of
            tried += 1
            changed = {stages[job.rule] for job in chosen if before[job.name] != after[job.name]}
            silent = [s for s in changed if not any(covers(n, path) for n in parameters_of(s))]
            assert silent == [], (path, other)
            break
    assert tried > 60


@pytest.mark.slow
def test_another_study_has_its_own_files_and_names_its_overlay(in_clone: None) -> None:
    content = yaml.safe_load(dvc_yaml([Path("studies/tiny.yaml")]))
    tiny = read_yaml(Path("studies/tiny.yaml"))
    named = [room for room in NAMED if tiny.get(room, {}) is not None]
    assert len(named) < len(NAMED) and set(content["stages"]) == {*PARAMETERS, *named}
    for stage in content["stages"].values():
        assert stage["cmd"].endswith(" --configfile studies/tiny.yaml")
        outs = [path for out in stage["outs"] for path in out]
        assert outs and all(path.split("/")[1] == "tiny" for path in (*outs, *stage["deps"]))
        assert all(out == {path: {"persist": True}} for out, path in zip(stage["outs"], outs, strict=True))
        assert not set(outs) & set(stage["deps"])
    assert content["metrics"] == ["results/tiny/figures/headline.json"]
    absent = [
        getattr(registry.room(room, "jobs"), "PLOTS", ()) for room in registry.rooms() if room not in named
    ]
    expected = set(plots()).difference(*absent)
    assert sorted(name for plot in content["plots"] for name in plot) == sorted(expected)
