"""Snakemake's listing of jobs, read, and walks over it."""

from itertools import permutations

import pytest

from crossmodal.provenance.dag import (
    Job,
    _sources_first,
    ancestors,
    parse_listing,
    producers,
    runs,
    upstream,
)

FILE = "results/x y/jobs/adapt_model-1a.txt"
LISTING = """\
host: somewhere
Building DAG of jobs...
[Sun Nov 22 05:20:00 2026]
rule adapt_model:
    input: results/x/base.safetensors, data/x/train.parquet
    output: results/x/full/adapter.safetensors, results/x/full/manifest.json
    log: results/x/logs/full.log
    jobid: 3
    reason: Missing output files: results/x/full/adapter.safetensors; Params have changed: a: b
    wildcards: cell=full, seed=0
    resources: tmpdir=/tmp
Shell command: python -m crossmodal.jobs.adapt_model @'results/x y/jobs/adapt_model-1a.txt' > full.log 2>&1

[Sun Nov 22 05:20:00 2026]
localrule all:
    input: results/x/full/adapter.safetensors
    jobid: 0

[Sun Nov 22 05:20:00 2026]
rule build_model:
    input: data/x/train.parquet, data/x/train.parquet
    output: results/x/base.safetensors, results/x/base.manifest.json
    reason: Forced execution
    wildcards: model=base
Job stats:
"""


def test_a_listing_is_read() -> None:
    adapted, base = parse_listing(LISTING)
    assert adapted == Job(
        "adapt_model",
        (("cell", "full"), ("seed", "0")),
        ("results/x/base.safetensors", "data/x/train.parquet"),
        ("results/x/full/adapter.safetensors",),
        "results/x/full/manifest.json",
        "Missing output files: results/x/full/adapter.safetensors; Params have changed: a: b",
        FILE,
        ("python", "-m", "crossmodal.jobs.adapt_model", f"@{FILE}", ">", "full.log", "2>&1"),
    )
    assert adapted.name == "adapt_model cell=full seed=0"
    assert (base.name, base.inputs) == ("build_model model=base", ("data/x/train.parquet",))
    assert parse_listing("Nothing to be done (all requested files are present and up to date).") == []


@pytest.mark.parametrize(
    ("command", "alone"),
    [
        ("python -m crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1", True),
        ("python -m crossmodal.jobs.torchrun 2 crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1", True),
        ("python -m crossmodal.jobs.build_model @'a b.txt' > full.log 2>&1", False),
        ("python -m crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1; true", False),
        ("python -m crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1\n\ncp other weights", False),
        ("python -m crossmodal.jobs.adapt_model @'a b.txt' seed=1 > full.log 2>&1", False),
        ("PYTHONPATH=x python -m crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1", False),
        ("python -m crossmodal.jobs.torchrun crossmodal.jobs.adapt_model @'a b.txt' > full.log 2>&1", False),
        ("", False),
    ],
)
def test_a_job_runs_its_module_and_nothing_else(command: str, alone: bool) -> None:
    before = "python -m crossmodal.jobs.adapt_model @'results/x y/jobs/adapt_model-1a.txt' > full.log 2>&1"
    text = LISTING.replace(before, command) if command else LISTING.replace(f"Shell command: {before}\n", "")
    assert text != LISTING
    adapted, base = parse_listing(text)
    assert runs(adapted, "crossmodal.jobs.adapt_model") == alone and base.rule == "build_model"


def job(name: str, inputs: str = "", outputs: str = "") -> Job:
    return Job(name, (), tuple(inputs.split()), tuple(outputs.split()), f"{name}.manifest.json", "")


def test_walks_go_up_to_the_sources_and_name_each_job_once() -> None:
    a, b = job("a", "", "1 2"), job("b", "1", "3")
    c, d = job("c", "3 2 own.csv", "4"), job("d", "4 1", "5")
    other = job("other", "1", "6")
    made_by = producers([d, other, c, b, a])
    assert upstream(c, made_by) == [b, a]
    assert ancestors([d], made_by) == [a, b, c, d]
    assert ancestors([other, d], made_by) == [a, other, b, c, d]


def test_jobs_stand_in_one_order_however_they_are_listed() -> None:
    jobs = [job("a", "2", "1"), job("b", "", "2"), job("c", "2", "3"), job("d", "3 1", "4")]
    orders = {tuple(j.name for j in _sources_first(list(listed))) for listed in permutations(jobs)}
    assert orders == {("b", "a", "c", "d")}
