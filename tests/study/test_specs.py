"""Specs: what a job depends on, and which packages it never loads."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import rules_of, spec
from crossmodal.study.study import Study, load_study

DEFAULTS = read_yaml(Path("params.yaml"))
HEAVY = {"torch", "open_clip_torch", "transformers", "safetensors"}
WITH_TORCH = {
    "build_model", "adapt_model", "embed_target", "embed_domains", "embed_shifted", "embed_galleries",
    "evaluate_attacks", "validate_attacks", "measure_encoders", "adapt_fold", "embed_fold", "train_reranker",
    "answer_queries", "time_searches", "answer_scale", "judge_scale_stage", "time_scale",
    "distil_model", "embed_zero_shot", "measure_towers",
    "learn_session", "evaluate_sessions", "search_base", "search_after", "embed_classes", "fit_classifiers",
    "time_classifiers",
}  # fmt: skip
"""The rules whose jobs compute with a network; all others start without torch, and outlive another version
of it."""


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(DEFAULTS, {})


@pytest.fixture(scope="module")
def specs(study: Study) -> dict[str, list[dict]]:
    """The specs of all jobs of the default study, by rule."""
    found = defaultdict(list)
    for rule, wildcards in grid.jobs(study):
        found[rule].append(json.loads(spec(study, rule, **wildcards)))
    return found


def test_only_what_computes_with_a_network_depends_on_torch(specs: dict[str, list[dict]]) -> None:
    heavy = {
        rule for rule, listed in specs.items() for content in listed if HEAVY & set(content["environment"])
    }
    assert heavy == WITH_TORCH
    for rule in heavy:
        assert all("torch" in content["environment"] for content in specs[rule]), rule


def test_what_writes_no_number_needs_no_package_at_all(specs: dict[str, list[dict]]) -> None:
    for rule in ("fetch_package", "record_study"):
        assert [content["environment"] for content in specs[rule]] == [{}] * len(specs[rule]), rule


def test_a_job_without_torch_does_not_import_it(study: Study) -> None:
    """The environment of a spec is read from the source; this is what the interpreter loads."""
    import subprocess
    import sys

    entries = sorted({rule.entry for name, rule in rules_of(study).items() if name not in WITH_TORCH})
    # With torch and in no default grid: models on request, tokens, vectors that `search` has.
    elsewhere = {
        "jobs.merge_model", "experiments.search.embed_tokens",
        "experiments.scale.embed_source",
    }  # fmt: skip
    assert {f"crossmodal.{name}" for name in elsewhere} <= set(entries)
    entries = [entry for entry in entries if entry.removeprefix("crossmodal.") not in elsewhere]
    code = (
        "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *entries], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_spec_is_one_line_of_plain_ascii(study: Study) -> None:
    """It stands on a line of its own in a job's file of arguments, whatever a study says."""
    named = load_study(
        DEFAULTS,
        {
            "datasets": {
                "mine": {
                    "kind": "karpathy",
                    "split_file": "ä\nb\u2028.json",
                    "images": "x",
                    "source": "y",
                    "licence": "z",
                }
            }
        },
    )
    for given in (study, named):
        for rule, wildcards in grid.jobs(given):
            text = spec(given, rule, **wildcards)
            assert text.isascii() and len(text.splitlines()) == 1 and json.loads(text)["rule"] == rule


def test_names_of_a_study_that_a_job_does_not_need_are_not_in_its_spec(study: Study) -> None:
    """Another experiment, model, shift or domain changes no spec of a job that has nothing to do with it."""
    model = {"kind": "scratch", "config": "vit-nano-32", "datasets": ["web"], "training": {"epochs": 1}}
    changes = {
        "a model": {"models": {"other": model}},
        "a shift": {"shifts": {"fog-2": {"kind": "corruption", "name": "fog", "severity": 2}}},
        "a dataset": {"datasets": {"noto": {"kind": "emoji", "styles": ["noto"]}}},
        "no search": {"search": None, "scale": None},
    }
    for what, overrides in changes.items():
        changed = load_study(DEFAULTS, overrides)
        different = {
            rule
            for rule, wildcards in grid.jobs(changed)
            if spec(changed, rule, **wildcards) != spec(study, rule, **wildcards)
        }
        joins = {"join_numbers", "write_report"} if what == "no search" else set()
        assert different == {"record_study"} | joins, what


def test_numbers_depend_on_the_parameters_of_the_kinds_that_they_read(
    study: Study, specs: dict[str, list[dict]]
) -> None:
    """Numbers of search read how many candidates a stage takes, which is a default of its kind."""
    for rule in ("number_search", "draw_search", "join_numbers"):
        [content] = specs[rule]
        assert {"crossmodal.reranking.vectors_params", "crossmodal.search.ivf_pq_params"} <= set(
            content["code"]
        )
    [content] = specs["number_robustness"]
    assert "crossmodal.attacks.pgd_images_params" in content["code"]
