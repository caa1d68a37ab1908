"""How long a run still takes, from what its jobs took before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 1.0
"""What a job takes before and after the time in its manifest: Python, its imports, Snakemake's own work."""
DOUBTED_SECONDS = 60.0
"""How long jobs must have run before their pace, and not that of the ledger's machine, is half believed."""
HALF_LIFE_SECONDS = 600.0
"""After so many seconds of jobs an older one counts half: other work may have come to the machine, or gone."""


@dataclass(frozen=True, slots=True)
class PastJob:
    """One job of the ledger."""

    study: str
    rule: str
    seconds: float
    threads: int


def study_of(manifest: str) -> str:
    """Return the study of a job by the path of its manifest: `data/STUDY/...` or `results/STUDY/...`."""
    parts = Path(manifest).parts
    return parts[1] if len(parts) > 2 else ""


def read_past(ledger: Path) -> dict[str, PastJob]:
    """Return the jobs of the ledger by the paths of their manifests.

    What cannot be read is left out: a display must not end a run, and an audit names it.
    """
    from crossmodal.errors import UserError
    from crossmodal.provenance.account import seconds
    from crossmodal.provenance.ledger import read_ledger

    try:
        manifests = read_ledger(ledger)
    except (OSError, UserError):
        return {}
    past = {}
    for path, manifest in manifests.items():
        with suppress(KeyError, TypeError, ValueError):
            took = max(seconds(manifest), 0.0)
            past[path] = PastJob(study_of(path), manifest["rule"], took, int(manifest["spec"]["threads"]))
    return past


@dataclass
class Pace:
    """What jobs took in this run, and what they were expected to take."""

    rules: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    measured: float = 0.0
    recorded: float = 0.0
    """Seconds of jobs that the ledger knows: in this run, and in the ledger; the latest count most."""

    @property
    def factor(self) -> float:
        """How much slower than the ledger says this run is."""
        return (self.measured + DOUBTED_SECONDS) / (self.recorded + DOUBTED_SECONDS)


class Estimator:
    """Expected seconds of jobs: from the ledger at the pace of this run, else from this run."""

    def __init__(self, past: Mapping[str, PastJob]) -> None:
        self.pace = Pace()
        self.study: str | None = None
        self._past = past
        self._left: defaultdict[tuple[str, str], dict[str, PastJob]] = defaultdict(dict)
        self._everywhere: defaultdict[str, list[PastJob]] = defaultdict(list)
        for name, job in past.items():
            self._left[job.study, job.rule][name] = job
            self._everywhere[job.rule].append(job)

    def begin(self, rule: str, manifest: str | None) -> float | None:
        """Return the seconds that a job which begins now is expected to take; None where nothing is known."""
        job = self._past.get(manifest) if manifest else None
        if manifest:
            self.study = study_of(manifest)
            self._left[self.study, rule].pop(manifest, None)
        if job and job.rule == rule:
            return self._now(job)
        return self._mean(rule)

    def end(self, rule: str, manifest: str | None, seconds: float) -> None:
        """Learn what a job of this run took."""
        self.pace.rules[rule].append(seconds)
        job = self._past.get(manifest) if manifest else None
        if job and job.rule == rule:
            kept = 0.5 ** (seconds / HALF_LIFE_SECONDS)
            self.pace.measured = kept * self.pace.measured + seconds
            self.pace.recorded = kept * self.pace.recorded + job.seconds + START_SECONDS

    def waiting(self, counts: Mapping[str, int], cores: int) -> float | None:
        """Return the seconds, times cores, of jobs that have not begun, given how many there are of each rule."""
        total = 0.0
        for rule, count in counts.items():
            if count > 0:
                if (mean := self._mean(rule)) is None:
                    return None
                jobs = self._left.get((self.study or "", rule)) or {}
                threads = max((job.threads for job in jobs.values()), default=1)
                total += count * mean * min(threads, cores)
        return total

    def _now(self, job: PastJob) -> float:
        return (job.seconds + START_SECONDS) * self.pace.factor

    def _mean(self, rule: str) -> float | None:
        """Return the expected seconds of a job of `rule` of which nothing else is known.

        By the jobs of this study that have not begun, else by those that this run has measured, else by other
        studies, else by all that this run has measured.
        """
        if jobs := self._left.get((self.study or "", rule)):
            return _mean(map(self._now, jobs.values()))
        if seconds := self.pace.rules.get(rule):
            return _mean(seconds)
        if everywhere := self._everywhere.get(rule):
            return _mean(map(self._now, everywhere))
        return _mean(second for seconds in self.pace.rules.values() for second in seconds)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


@dataclass(frozen=True, slots=True)
class Running:
    """A job, or a group that was submitted as one, that has begun."""

    name: str
    begun: float
    expected: float | None
    threads: int = 1

    def left(self, now: float) -> float | None:
        """Return the seconds that it is expected to take from `now`."""
        return None if self.expected is None else max(self.expected - (now - self.begun), 0.0)


def seconds_left(running: Iterable[Running], waiting: float | None, cores: float, now: float) -> float | None:
    """Return the seconds until all is done; None where nothing is known of a job.

    What waits and what runs is shared out among the cores, and takes no less than the longest job that runs.
    """
    lefts = [(job.left(now), job.threads) for job in running]
    known = [(left, threads) for left, threads in lefts if left is not None]
    if waiting is None or len(known) < len(lefts):
        return None
    work = waiting + sum(left * min(threads, cores) for left, threads in known)
    return max(work / max(cores, 1), *(left for left, _ in known), 0.0)
