"""The search for learning rates in the tiny study: its jobs read no test data, and its numbers join the others."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from tests.e2e.conftest import Project

from crossmodal.provenance.dag import Job, list_jobs
from crossmodal.statistics.numbers import read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TUNING = """
tuning:
  families: {whole: {cells: [full]}}
  learning_rates: {low: 1.0e-3, high: 1.0e-2, points: 2}
  seeds: [0, 1]
"""
RUNS = {f"tune_model whole {rate} {seed}" for rate in ("1.0e-03", "1.0e-02") for seed in (0, 1)}
PLACE = "tuning/whole/s*/outlines/val/{}"


@pytest.fixture(scope="module")
def searching(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study that asks for a search, not yet run."""
    folder = tmp_path_factory.mktemp("searching") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    copy = Project.__new__(Project)
    copy.folder, copy.overlay, copy.environment = folder, project.overlay, {}
    overlay = folder / copy.overlay
    overlay.write_text(overlay.read_text() + TUNING)
    return copy


def test_only_its_own_jobs_and_the_joins_are_stale(searching: Project) -> None:
    own = RUNS | {"number_tuning", "draw_tuning"}
    assert searching.stale() == own | {"join_numbers", "record_study", "write_report"}


def test_no_training_run_of_the_search_reads_a_test_split(
    searching: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(searching.folder)
    jobs = {job.name: job for job in list_jobs([Path(searching.overlay)])}
    runs = [job for job in jobs.values() if job.rule == "tune_model"]
    assert len(runs) == 4
    for job in runs:
        assert {Path(path).name for path in job.inputs} == {
            "open_clip_config.json", "open_clip_model.safetensors", "train.parquet", "val.parquet",
        }  # fmt: skip
        assert [Path(path).name for path in job.outputs] == ["record.json"], "and it leaves no weights"
    makers = {path: job for job in jobs.values() for path in job.outputs}

    def before(job: Job) -> set[str]:
        """Return all files that a job rests on."""
        files = set(job.inputs)
        return files.union(*(before(makers[path]) for path in job.inputs if path in makers))

    [numbers] = [job for job in jobs.values() if job.rule == "number_tuning"]
    assert not [path for path in before(numbers) if path.endswith("outlines/test.parquet")]
    assert [path for path in before(numbers) if path.endswith("outlines/val.parquet")]


def test_what_is_chosen_is_a_number_with_a_chain_and_stands_on_the_page(searching: Project) -> None:
    done = searching.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert searching.stale() == set()
    results = searching.folder / "results/tiny"
    numbers = {n.number_id: n.value for n in read_numbers(results / "metrics.parquet")}
    means = {rate: numbers[PLACE.format(f"{rate}/mean/validation_mrr")] for rate in ("1.0e-03", "1.0e-02")}
    best = max(means, key=lambda rate: (means[rate], -float(rate)))
    assert numbers[PLACE.format("chosen/-/learning_rate")] == float(best)
    assert numbers[PLACE.format("chosen/-/chosen_at_edge")] == 1, "of two rates each is at an edge"
    for rate, mean in means.items():
        records = [
            json.loads((results / f"tuning/whole/{rate}/s{s}/record.json").read_text()) for s in (0, 1)
        ]
        assert mean == pytest.approx(sum(record["mrr"] for record in records) / 2)
        assert sorted(path.name for path in (results / f"tuning/whole/{rate}/s0").iterdir()) == [
            "manifest.json", "record.json",
        ]  # fmt: skip
    with (results / "figures/learning-rates.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {float(row["validation_mrr"]) for row in rows} == set(means.values())
    page = (results / "report/index.html").read_text()
    assert "Which learning rate does each family of methods get?" in page
    assert "At an edge of the grid: whole." in page
    audited = searching.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout[-3000:] + audited.stderr[-3000:]
    chain = json.loads(
        searching.crossmodal("audit", PLACE.format("chosen/-/learning_rate"), "--json").stdout
    )["numbers"][0]["jobs"]
    assert "tune_model family=whole rate=1.0e-02 seed=1" in chain and "draw_tuning" not in chain
    assert not [job for job in chain if job.startswith(("adapt_model", "evaluate"))]
