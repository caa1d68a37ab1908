"""A run on the console: takes Snakemake's records and shows what they come to."""

import logging
import os
import sys
import time
from pathlib import Path
from typing import Protocol

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_crossmodal.estimate import Estimator, read_past
from snakemake_logger_plugin_crossmodal.lines import Lines
from snakemake_logger_plugin_crossmodal.run import Progress, Run, Task
from snakemake_logger_plugin_crossmodal.terminal import own_terminal
from snakemake_logger_plugin_crossmodal.text import closing, group_failure, job_failure, shortened

LEDGER = "ledger.jsonl"
"""What jobs took before: beside the Snakefile."""
UNSAID = (
    "Building DAG of jobs", "Using shell:", "Group jobs: inactive", "Conda environments: ignored",
    "Singularity containers: ignored", "Select jobs to execute", "Elapsed time:",
    "Removing output files of failed job", "SLURM run ID:", "Cleaning up SLURM log files", "None",
)  # fmt: skip
"""How messages begin that say nothing of the study. They are in the log file; those not known here are shown."""
SUBMITTED = "has been submitted with SLURM jobid"
COMPLETE_LOG = "Complete log(s): "


class View(Protocol):
    """Where a run is shown."""

    def say(self, text: str, level: int) -> None:
        """Show a message that stays."""

    def ended(self, task: Task, seconds: float, progress: Progress, now: float) -> None:
        """Show that a job ended well."""

    def update(self, progress: Progress) -> None:
        """Show how far the run is."""

    def close(self) -> None:
        """Show nothing more of what changes."""


class Console:
    """One run, from Snakemake's start to its end."""

    def __init__(self, started: logging.LogRecord, *, nocolor: bool) -> None:
        """`started` is the record of the event WORKFLOW_STARTED."""
        self._ledger = Path(getattr(started, "basedir", ".")) / LEDGER
        self._folder = Path(getattr(started, "rundir", "."))
        self._nocolor = nocolor
        self._cores: int | None = None
        self._run: Run | None = None
        self._view: View | None = None
        self._terminal: int | None = None
        self._log = ""

    def show(self, record: logging.LogRecord) -> bool:
        """Show a record and return true, or return false where Snakemake is to show it as it does by default."""
        event = getattr(record, "event", None)
        if event is None or event == LogEvent.ERROR:
            return self._message(record)
        if event == LogEvent.RESOURCES_INFO:
            self._cores = getattr(record, "cores", self._cores)
        elif event == LogEvent.RUN_INFO:
            past = read_past(self._ledger)
            self._run = Run(record.stats, Estimator(past), self._cores, record.created)  # type: ignore[attr-defined]
            self._view = self._open(self._run.progress())
        elif self._run and self._view:
            self._job(event, record, self._run, self._view)
        return True

    def close(self) -> None:
        """Take the display away and say what the run came to."""
        if self._run and self._view:
            self._view.close()
            failed = [(job.name, job.log) for job in self._run.failed.values()]
            text = closing(self._run.progress(), failed, time.time(), self._log)
            self._view.say(text, logging.ERROR if failed else logging.INFO)
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _open(self, progress: Progress) -> View:
        """Return the display of a terminal, or plain lines."""
        self._terminal = own_terminal(sys.stderr)
        if self._terminal is None:
            return Lines(sys.stderr)
        from snakemake_logger_plugin_crossmodal.live import Display

        return Display(progress, nocolor=self._nocolor)

    def _job(self, event: LogEvent, record: logging.LogRecord, run: Run, view: View) -> None:
        """Follow jobs as they begin and end."""
        known = record.__dict__
        if event == LogEvent.GROUP_INFO:
            run.group([job.jobid for job in known["jobs"]], record.created)
        elif event == LogEvent.JOB_INFO:
            run.start(record)
        elif event == LogEvent.JOB_FINISHED:
            if ended := run.end(known["job_id"], record.created):
                view.ended(*ended, run.progress(), record.created)
        elif event == LogEvent.GROUP_ERROR:
            tasks = [run.task(info["jobid"]) for info in known["job_error_info"]]
            view.say(group_failure(record, next(filter(None, tasks), None)), logging.ERROR)
        elif event == LogEvent.JOB_ERROR:
            task = run.fail(known["jobid"])
            if not known.get("indent"):  # the jobs of a group were named with it
                view.say(job_failure(record, task), logging.ERROR)
        else:
            return
        view.update(run.progress())

    def _message(self, record: logging.LogRecord) -> bool:
        """Show a message that belongs to no job."""
        text = str(record.msg).strip("\n")
        if record.levelno < logging.WARNING and (text.startswith(UNSAID) or SUBMITTED in text):
            return True
        if text.startswith(COMPLETE_LOG):
            self._log = text.removeprefix(COMPLETE_LOG).removeprefix(f"{self._folder}/")
            return True
        if self._run is None or self._view is None:
            return False
        if again := self._run.retry(text):
            text = f"once more: {again}"
        if getattr(record, "exception", None) == "RuleException":  # the command of a job that failed is in it
            text = shortened(text)
        self._view.say(text, record.levelno)
        return True
