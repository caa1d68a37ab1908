"""What the profiles and the rules must agree on, and that asking a cluster for more changes no result."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossmodal.errors import UserError
from crossmodal.study.configuration import merge, read_yaml
from crossmodal.study.specs import spec
from crossmodal.study.study import load_study

ROOT = Path(__file__).resolve().parents[1]
ALONE = {"pretrain_base", "adapt_model", "merge_model"}
"""Rules whose jobs are long enough to be submitted alone, or run on request only."""


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


def test_every_rule_is_in_a_group_or_long() -> None:
    settings = profile("slurm")
    assert set(settings["groups"]) | ALONE == set(rules())
    assert not set(settings["groups"]) & ALONE
    assert set(settings["group-components"]) <= set(settings["groups"].values())
    assert set(settings["set-resources"]) <= set(rules())


@pytest.mark.parametrize("rule", rules())
def test_every_rule_says_memory_and_time_that_grow_with_each_attempt(rule: str) -> None:
    text = rules()[rule]
    assert re.search(r"mem_mb=scaled\(\d+[,)]", text) and re.search(r"runtime=scaled\(\d+\)", text)


def study(**compute: int) -> Any:
    overlay = merge(read_yaml(ROOT / "studies" / "tiny.yaml"), {"compute": compute})
    return load_study(read_yaml(ROOT / "params.yaml"), overlay)


def test_asking_for_gpus_is_part_of_no_spec() -> None:
    without, wanting = study(), study(gpus_per_job=1)
    cell = {"cell": "full", "seed": "0"}
    jobs: list[tuple[str, dict[str, str]]] = [
        ("pretrain_base", {}), ("adapt_model", cell), ("merge_model", cell), ("embed_clean", cell),
        ("embed_shifted", cell), ("embed_galleries", cell), ("build_dataset", {"dataset": "outlines"}),
        ("build_index", cell | {"index": "ivf-pq", "split": "test"}),
        ("train_reranker", cell | {"index": "ivf-pq"}), ("measure_encoders", {}),
        ("measure_search", cell | {"pipeline": "ivf-pq+rerank"}), ("summarise_numbers", {}),
        ("evaluate_clean", cell), ("evaluate_shifted", cell), ("evaluate_attacks", cell),
        ("write_report", {}), ("record_study", {}),
    ]  # fmt: skip
    for rule, wildcards in jobs:
        assert spec(without, rule, **wildcards) == spec(wanting, rule, **wildcards), rule


def test_a_job_computes_on_one_gpu_at_most() -> None:
    with pytest.raises(UserError, match=r"compute\.gpus_per_job: got 2"):
        study(gpus_per_job=2)
