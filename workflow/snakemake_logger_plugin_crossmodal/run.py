"""What a run of Snakemake does, followed by its log records."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from logging import LogRecord

from snakemake_logger_plugin_crossmodal.estimate import Estimator, Running, seconds_left

TARGET = "all"
"""The rule that asks for the others' files and does nothing itself: no job to a reader."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that has begun."""

    rule: str
    wildcards: Mapping[str, str]
    manifest: str | None
    log: tuple[str, ...]
    threads: int

    @property
    def name(self) -> str:
        """Rule and wildcards, as `crossmodal why` and the audit name it."""
        return " ".join([self.rule, *(f"{key}={value}" for key, value in self.wildcards.items())])


@dataclass(slots=True)
class Task:
    """What is begun and ended as one: a job, or a group of jobs that is submitted to a cluster."""

    jobs: dict[object, Job]
    begun: float
    expected: float | None = None
    pending: set[object] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The job's name, or how many of which rules a group has."""
        jobs = list(self.jobs.values())
        if len(jobs) == 1:
            return jobs[0].name
        return " + ".join(f"{n} {rule}" for rule, n in Counter(job.rule for job in jobs).items())

    @property
    def threads(self) -> int:
        """How many cores it takes."""
        return next(iter(self.jobs.values())).threads if len(self.jobs) == 1 else 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, at one moment; nothing in it changes any more."""

    done: int
    total: int
    begun: float
    running: tuple[Running, ...]
    waiting: float | None
    cores: float
    failed: tuple[str, ...]
    rules: tuple[tuple[str, int, int], ...]
    """Name, jobs done and jobs in all of each rule that has begun."""

    def left(self, now: float) -> float | None:
        """Return about how many seconds are left."""
        return seconds_left(self.running, self.waiting, self.cores, now)


class Run:
    """The jobs of a run: those that wait, run, are done and have failed."""

    def __init__(
        self, counts: Mapping[str, int], estimator: Estimator, cores: int | None, begun: float
    ) -> None:
        """`counts` are the jobs of each rule; without `cores` jobs are submitted to a cluster."""
        self.counts = {rule: n for rule, n in counts.items() if rule not in (TARGET, "total")}
        self.estimator = estimator
        self.cores = cores
        self.begun = begun
        self.done: Counter[str] = Counter()
        self.failed: dict[object, Job] = {}
        self._started: dict[object, Job] = {}
        self._tasks: dict[object, Task] = {}
        self._widest = 1

    def group(self, jobids: Iterable[object], at: float) -> None:
        """Note that jobs are submitted as one: the record of each follows."""
        self._tasks |= dict.fromkeys(jobids, Task({}, at))

    def start(self, record: LogRecord) -> None:
        """Note that a job begins."""
        rule, jobid = record.rule_name, record.jobid  # type: ignore[attr-defined]
        if rule == TARGET:
            return
        manifests = [path for path in getattr(record, "output", ()) if path.endswith("manifest.json")]
        job = Job(
            rule,
            dict(getattr(record, "wildcards", None) or {}),
            manifests[0] if manifests else None,
            tuple(getattr(record, "log", None) or ()),
            int(getattr(record, "threads", 1)),
        )
        self.failed.pop(jobid, None)
        self._started[jobid] = job
        task = self._tasks.setdefault(jobid, Task({}, record.created))
        expected = self.estimator.begin(rule, job.manifest)
        task.expected = None if expected is None else (task.expected or 0.0) + expected
        task.jobs[jobid] = job
        task.pending.add(jobid)
        self._widest = max(self._widest, len(self._running()))

    def end(self, jobid: object, at: float) -> tuple[Task, float] | None:
        """Note that a job is done; return its task and the seconds it took where all of the task is done."""
        task = self._tasks.pop(jobid, None)
        if task is None or jobid not in task.jobs:
            return None
        self.done[task.jobs[jobid].rule] += 1
        task.pending.discard(jobid)
        if task.pending:
            return None
        seconds = max(at - task.begun, 0.0)
        if len(task.jobs) == 1:
            job = task.jobs[jobid]
            self.estimator.end(job.rule, job.manifest, seconds)
        return task, seconds

    def task(self, jobid: object) -> Task | None:
        """Return the task that a job which runs belongs to."""
        return self._tasks.get(jobid)

    def fail(self, jobid: object) -> Task | None:
        """Note that a job failed, for now or for good; return its task."""
        task = self._tasks.pop(jobid, None)
        if task:
            task.pending.discard(jobid)
        if jobid in self._started:
            self.failed[jobid] = self._started[jobid]
        return task

    def retry(self, message: str) -> str | None:
        """Return what Snakemake says that it tries again; None where the message says something else."""
        found = re.fullmatch(r"Trying to restart job (\S+)\.", message)
        if found is None:
            return None
        jobid = next((jobid for jobid in self.failed if str(jobid) == found[1]), None)
        return "a group of jobs" if jobid is None else self.failed.pop(jobid).name

    def progress(self) -> Progress:
        """Return how far the run is."""
        tasks = self._running()
        running = [job.rule for task in tasks for job in task.jobs.values()]
        busy = self.done + Counter(running) + Counter(job.rule for job in self.failed.values())
        cores = self.cores or self._widest
        waiting = self.estimator.waiting({rule: n - busy[rule] for rule, n in self.counts.items()}, cores)
        return Progress(
            self.done.total(),
            max(sum(self.counts.values()), busy.total()),
            self.begun,
            tuple(Running(task.name, task.begun, task.expected, task.threads) for task in tasks),
            waiting,
            cores,
            tuple(job.name for job in self.failed.values()),
            tuple((rule, self.done[rule], n) for rule, n in self.counts.items() if busy[rule]),
        )

    def _running(self) -> list[Task]:
        tasks = {id(task): task for task in self._tasks.values() if task.pending}
        return list(tasks.values())
