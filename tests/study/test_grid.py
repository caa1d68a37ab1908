"""The list of a study's jobs is the list of jobs that its last results come from."""

from pathlib import Path

import pytest

from crossmodal.commands.context import resolve
from crossmodal.provenance.dag import list_jobs
from crossmodal.study import grid

LAST = ("report/index.html", "figures/headline.json", "clip_benchmark.json")


@pytest.mark.slow
@pytest.mark.parametrize("overlays", [[], [Path("studies/tiny.yaml")], [Path("studies/smoke.yaml")]], ids=str)
def test_the_grid_has_each_job_once(overlays: list[Path], in_clone: None) -> None:
    study = resolve(overlays)
    listed = [(rule, tuple(sorted(wildcards.items()))) for rule, wildcards in grid.jobs(study)]
    needed = list_jobs(overlays, [f"results/{study.study}/{name}" for name in LAST])
    assert sorted(listed) == sorted((job.rule, tuple(sorted(job.wildcards))) for job in needed)
