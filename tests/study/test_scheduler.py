"""The scheduler looks at the waiting jobs when one ends, and not every second once for each that has ended."""

from pathlib import Path

import pytest
from tests.e2e.conftest import Project

COUNTED = """
import sys
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler

once_more = JobScheduler._schedule_reevalutation


def announced(self, delay):
    print("looks again", flush=True)
    once_more(self, delay)


JobScheduler._schedule_reevalutation = announced
main(["results/tiny/study.json", "--cores", "1", *sys.argv[1:]])
"""


@pytest.mark.parametrize(("limit", "looks"), [([], False), (["--max-jobs-per-timespan", "2/1s"], True)])
def test_nothing_looks_again_unless_a_user_limits_jobs(tmp_path: Path, limit: list[str], looks: bool) -> None:
    project = Project(tmp_path, "studies/tiny.yaml")
    done = project.run("-c", COUNTED, *limit, "--configfile", "studies/tiny.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results/tiny/study.json").is_file()
    assert ("looks again" in done.stdout) is looks


def test_a_lock_is_taken_away_without_a_word_about_cores(tmp_path: Path) -> None:
    """Snakemake says so where one was left: some rules have all cores, and nothing says here how many that are."""
    done = Project(tmp_path, "studies/tiny.yaml").run("-m", "snakemake", "--unlock")
    assert done.returncode == 0 and "Unlocked" in done.stdout + done.stderr, done.stdout + done.stderr
