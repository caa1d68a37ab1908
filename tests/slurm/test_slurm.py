"""The profile for Slurm, on a real one: the same bytes as here, whatever is killed on the way."""

import re
from pathlib import Path
from typing import Any

import pytest

from crossmodal import registry
from crossmodal.provenance.manifest import read_manifest
from crossmodal.statistics.numbers import Number, read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

CANCELLED, COMPLETED = "CANCELLED", "COMPLETED"


def manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifests of all jobs, by path."""
    paths = sorted(p for part in ("data", "results") for p in (folder / part).rglob("*manifest.json"))
    return {str(path.relative_to(folder)): read_manifest(path) for path in paths}


def entries(listed: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [entry for group in listed.values() for entry in group]


def varying(jobs: dict[str, dict[str, Any]]) -> set[str]:
    """Return the files that differ from run to run: measured times, and all that is made from them."""
    found = {e["path"] for job in jobs.values() for e in entries(job["outputs"]) if e.get("timed")}
    while True:
        more = {
            e["path"]
            for job in jobs.values()
            if any(i["path"] in found for i in entries(job["inputs"]))
            for e in entries(job["outputs"])
        }
        if more <= found:
            return found
        found |= more


def numbers(folder: Path) -> dict[str, Number]:
    return {n.number_id: n for n in read_numbers(folder / "results/tiny/metrics.parquet")}


def test_a_killed_job_fails_the_run_and_the_next_run_goes_on(runs) -> None:
    assert runs.failed == 1
    states = [state for _, state, *_ in runs.slurm.jobs("rule_adapt_model_wildcards_lora-r8-pgd_0")]
    assert states == [CANCELLED, COMPLETED]
    for once in ("rule_build_model_wildcards_base", "rule_datasets_build_dataset"):
        assert [state for _, state, *_ in runs.slurm.jobs(once)] == [COMPLETED]


def test_a_retried_job_asks_for_more_memory(runs) -> None:
    jobs = runs.slurm.jobs("rule_adapt_model_wildcards_full_0")
    assert [(state, memory) for _, state, memory, _ in jobs] == [(CANCELLED, "4000M"), (COMPLETED, "8000M")]


def test_only_training_and_embedding_ask_for_a_gpu(runs) -> None:
    asking = {
        rule: {
            bool(re.fullmatch(r"gres:gpu:[12]", gpus)) for _, _, _, gpus in runs.slurm.jobs(f"rule_{rule}")
        }
        for rule in ("build_model", "adapt_model", "embeddings", "datasets", "timed", "summary")
    }
    assert {rule for rule, asks in asking.items() if asks == {True}} == {
        "build_model", "adapt_model", "embeddings",
    }  # fmt: skip
    assert all(len(asks) == 1 for asks in asking.values())


def test_small_jobs_are_submitted_in_groups(runs) -> None:
    # What was cancelled when a run was ended was submitted again.
    submissions = [job for job in runs.slurm.jobs("rule_") if job[1] != "CANCELLED"]
    assert len(manifests(runs.there.folder)) > 30
    # Those of search at scale go alone: there a shard is a job of minutes.
    alone = {name for name, rule in registry.room("scale", "jobs").RULES.items() if not rule.group}
    there = [manifest for manifest in manifests(runs.there.folder).values() if manifest["rule"] in alone]
    assert len(submissions) <= 14 + len(there), submissions


def test_both_runs_wrote_the_same_bytes(runs) -> None:
    here, there = manifests(runs.here.folder), manifests(runs.there.folder)
    assert set(here) == set(there)
    # What jobs ask a cluster for is no part of what they compute.
    assert {path: m["spec"] for path, m in here.items()} == {path: m["spec"] for path, m in there.items()}
    skipped = varying(here)
    compared = set()
    for path in here:
        ours, theirs = ({e["path"]: e["md5"] for e in entries(m[path]["outputs"])} for m in (here, there))
        assert {p: d for p, d in ours.items() if p not in skipped} == {
            p: d for p, d in theirs.items() if p not in skipped
        }
        compared |= set(ours) - skipped
    suffixes = {".parquet", ".safetensors", ".faiss"}
    assert {Path(path).suffix for path in compared} >= suffixes
    assert len(compared) > 50


def test_both_runs_have_the_same_numbers(runs) -> None:
    here, there = numbers(runs.here.folder), numbers(runs.there.folder)
    assert set(here) == set(there)
    timed = varying(manifests(runs.here.folder))
    same = [name for name, number in here.items() if not timed & set(number.source.split(";"))]
    assert len(same) > len(here) / 2
    assert {name: here[name] for name in same} == {name: there[name] for name in same}


def test_the_audit_is_clean_and_nothing_is_stale_without_the_cluster(runs) -> None:
    command = "import sys; from crossmodal.cli import main; sys.argv[0] = 'crossmodal'; main()"
    audited = runs.there.run("-c", command, "audit", "--all", "--study", "tiny")
    assert audited.returncode == 0, audited.stdout[-3000:] + audited.stderr[-3000:]
    left = runs.there.run("-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", "studies/tiny.yaml")
    assert left.returncode == 0, left.stderr[-3000:]
    assert "Nothing to be done" in left.stdout + left.stderr, left.stdout[-3000:]
