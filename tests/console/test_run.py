"""What a run's records come to: jobs, retries, groups that a cluster takes as one."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from snakemake_logger_plugin_crossmodal.estimate import Estimator
from snakemake_logger_plugin_crossmodal.run import Run

COUNTS = {"adapt": 2, "evaluate": 2, "all": 1, "total": 5}


def job(jobid: int, rule: str, at: float, **wildcards: str) -> logging.LogRecord:
    """Return Snakemake's record of a job that begins."""
    fields: Mapping[str, Any] = {
        "jobid": jobid, "rule_name": rule, "wildcards": wildcards, "created": at, "threads": 1,
        "output": [f"results/x/{jobid}/weights", f"results/x/{jobid}/manifest.json"],
        "log": [f"logs/{jobid}.log"],
    }  # fmt: skip
    return logging.makeLogRecord(fields)


@pytest.fixture
def run() -> Run:
    return Run(COUNTS, Estimator({}), cores=2, begun=0.0)


def test_jobs_begin_and_end(run: Run) -> None:
    assert (run.progress().done, run.progress().total) == (0, 4), "the target rule is no job"
    run.start(job(1, "adapt", 1.0, cell="full", seed="0"))
    assert [r.name for r in run.progress().running] == ["adapt cell=full seed=0"]
    assert run.progress().rules == (("adapt", 0, 2),)
    ended = run.end(1, 4.0)
    assert ended and (ended[0].name, ended[1]) == ("adapt cell=full seed=0", 3.0)
    assert (run.progress().done, run.progress().running) == (1, ())
    assert run.progress().left(4.0) == 4.5, "three jobs of 3 s on two cores"
    run.start(job(0, "all", 9.0))
    assert run.end(0, 9.0) is None and run.progress().done == 1


def test_a_job_that_failed_is_no_longer_failed_when_it_begins_again(run: Run) -> None:
    run.start(job(1, "adapt", 1.0, cell="full"))
    task = run.fail(1)
    assert task and task.name == "adapt cell=full"
    assert run.progress().failed == ("adapt cell=full",) and run.progress().running == ()
    assert run.retry("Shutting down, this might take some time.") is None
    assert run.retry("Trying to restart job d4db0502-7bc3-5f07-a224-0628cba335e3.") == "a group of jobs"
    assert run.retry("Trying to restart job 1.") == "adapt cell=full"
    run.start(job(1, "adapt", 5.0, cell="full"))
    assert run.progress().failed == () and len(run.progress().running) == 1
    ended = run.end(1, 7.0)
    assert ended and ended[1] == 2.0, "the first attempt is not counted"


def test_a_group_is_one_task(run: Run) -> None:
    run.group([1, 2, 3], 1.0)
    for jobid, rule in ((1, "adapt"), (2, "evaluate"), (3, "evaluate")):
        run.start(job(jobid, rule, 1.5, cell="full"))
    assert [r.name for r in run.progress().running] == ["1 adapt + 2 evaluate"]
    assert run.end(1, 9.0) is None and run.end(2, 9.0) is None
    ended = run.end(3, 9.0)
    assert ended and (ended[0].name, ended[1], run.progress().done) == ("1 adapt + 2 evaluate", 8.0, 3)


def test_a_group_that_fails_leaves_nothing_running(run: Run) -> None:
    run.group([1, 2], 1.0)
    for jobid in (1, 2):
        run.start(job(jobid, "adapt", 1.5, cell=str(jobid)))
    assert [task.name for jobid in (1, 2) if (task := run.fail(jobid))] == ["2 adapt", "2 adapt"]
    assert run.progress().running == () and run.progress().failed == ("adapt cell=1", "adapt cell=2")
