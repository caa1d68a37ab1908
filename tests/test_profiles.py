"""What the profiles and the rules must agree on, and that asking a cluster for more changes no result."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossmodal import registry
from crossmodal.commands.generate import slurm_profile
from crossmodal.errors import UserError
from crossmodal.jobs.rules import TIMED
from crossmodal.parameters import merge
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.rules import RULES, room_rules
from crossmodal.study.specs import spec
from crossmodal.study.study import load_study

ROOT = Path(__file__).resolve().parents[1]


def profile(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def rules() -> dict[str, str]:
    """Return the text of each rule; one made from another (`use rule`) has that one's text too."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for text in re.split(r"(?m)^(?=(?:use )?rule )", path.read_text())[1:]:
            made = re.match(r"use rule (\w+) as (\w+)|rule (\w+)", text)
            assert made
            found[made[2] or made[3]] = text + (found[made[1]] if made[1] else "")
    return found


def test_both_profiles_say_the_same_about_staleness() -> None:
    default, slurm = profile("default"), profile("slurm")
    assert default.items() <= slurm.items()
    assert {"rerun-triggers", "max-checksum-file-size", "rerun-incomplete"} <= set(default)


def test_every_rule_is_submitted_as_it_says_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings, said = profile("slurm"), dict(RULES)
    for room in registry.rooms():
        said |= room_rules(room)
    assert set(said) == set(rules()), "the rule files and the experiments' jobs.py name the same rules"
    assert settings["groups"] == {name: rule.group for name, rule in said.items() if rule.group}
    assert set(settings["group-components"]) <= set(settings["groups"].values())
    assert set(settings["set-resources"]) <= set(rules())
    assert yaml.safe_load(slurm_profile()) == settings, "run `make generate`"


def test_what_is_timed_has_its_node_to_itself() -> None:
    """One submission for all of them, every core, and nothing beside them; and what takes all cores is timed."""
    settings, texts = profile("slurm"), rules()
    timed = {name for name, group in settings["groups"].items() if group == TIMED}
    assert timed == {name for name, text in texts.items() if re.search(r"threads: .*workflow\.cores", text)}
    assert settings["set-resources"] == {name: {"slurm_extra": "'--exclusive'"} for name in timed}
    assert timed and settings["group-components"][TIMED] >= 1000


@pytest.mark.parametrize("rule", rules())
def test_every_rule_says_memory_and_time_that_grow_with_each_attempt(rule: str) -> None:
    text = rules()[rule]
    assert re.search(r"mem_mb=scaled\(\d+[,)]", text) and re.search(r"runtime=scaled\(\d+\)", text)


def study(**compute: int) -> Any:
    overlay = merge(read_yaml(ROOT / "studies" / "tiny.yaml"), {"compute": compute})
    return load_study(read_yaml(ROOT / "params.yaml"), overlay)


def test_asking_for_gpus_is_part_of_no_spec() -> None:
    without, wanting = study(), study(gpus_per_job=1)
    jobs = [*grid.jobs(without), ("merge_model", {"cell": "full", "seed": "0"})]
    absent = {
        "embed_domains", "evaluate_domains", "fetch_package", "fetch_hub_file", "unpack_text_tower", "tune_model",
        "number_tuning", "draw_tuning", "embed_tokens", "embed_fold_tokens", "embed_scale", "build_scale_hnsw",
        "cut_text_tower", "distil_model",
        "embed_zero_shot", "evaluate_zero_shot", "number_zero_shot", "draw_zero_shot",
        "measure_towers", "score_precision", "number_encoders", "draw_encoders",
        "learn_session", "evaluate_sessions", "search_base", "search_after", "number_continual", "draw_continual",
        "embed_classes", "fit_classifiers", "time_classifiers", "number_few_shot", "draw_few_shot",
    }  # fmt: skip
    assert {rule for rule, _ in jobs} == set(rules()) - absent, (
        "the tiny study has one domain, no package, student, encoder, tokens or graph, and learns no classes"
    )
    for rule, wildcards in jobs:
        assert spec(without, rule, **wildcards) == spec(wanting, rule, **wildcards), rule


def test_a_job_computes_on_one_gpu_at_most() -> None:
    with pytest.raises(UserError, match=r"compute\.gpus_per_job: got 2"):
        study(gpus_per_job=2)
