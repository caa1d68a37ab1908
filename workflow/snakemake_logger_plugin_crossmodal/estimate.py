"""How long a run still takes, from what its jobs took before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.provenance.account import seconds
from crossmodal.provenance.ledger import read_ledger

START_SECONDS = 3.0
"""What a job takes besides the time in its manifest: Python, its imports, Snakemake's own work (a mean)."""
DOUBTED_SECONDS = 180.0
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


@dataclass(slots=True)
class Total:
    """Seconds of some jobs, added up: a run asks for their mean at each of its events."""

    jobs: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, jobs: int = 1) -> None:
        """Count in a job, or with -1 and its negative seconds take one out."""
        self.jobs += jobs
        self.seconds = self.seconds + seconds if self.jobs else 0.0

    @property
    def mean(self) -> float | None:
        """The seconds of a job; None where there are none."""
        return max(self.seconds / self.jobs, 0.0) if self.jobs else None


Totals = defaultdict[str, Total]


class Estimator:
    """Expected seconds of jobs: from the ledger at the pace of this run, else from this run."""

    def __init__(self, past: Mapping[str, PastJob]) -> None:
        self._past = past
        self._left: defaultdict[str, Totals] = defaultdict(lambda: defaultdict(Total))
        """Jobs of the ledger that have not begun in this run, by study and rule."""
        self._everywhere: Totals = defaultdict(Total)
        self._measured: Totals = defaultdict(Total)
        self._threads: dict[tuple[str, str], int] = {}
        self._study = ""
        self._begun: set[str] = set()
        self._here = self._there = DOUBTED_SECONDS
        """Seconds of jobs that the ledger knows: in this run, and in the ledger; the latest count most."""
        self._smaller = Total(), Total()
        """Of jobs that only other studies have in the ledger: in this run, and their means there."""
        for job in past.values():
            self._left[job.study][job.rule].add(job.seconds)
            self._everywhere[job.rule].add(job.seconds)
            key = job.study, job.rule
            self._threads[key] = max(job.threads, self._threads.get(key, 1))

    @property
    def pace(self) -> float:
        """How many times longer than the ledger says jobs take in this run."""
        return self._here / max(self._there, 1.0)

    @property
    def size(self) -> float:
        """How many times longer than in other studies the work of jobs takes in one that the ledger does not know.

        A study of other data may be a tenth as large or ten times as large: its first jobs say which.
        """
        here, there = (total.seconds for total in self._smaller)
        return here / there if there else self.pace

    def begin(self, rule: str, manifest: str | None) -> float | None:
        """Return the seconds that a job which begins now is expected to take; None where nothing is known."""
        if manifest:
            self._study = study_of(manifest)
        if job := self._known(rule, manifest):
            if manifest not in self._begun:
                self._left[job.study][rule].add(-job.seconds, -1)
                self._begun.add(str(manifest))
            return self._now(job.seconds)
        return self._mean(rule)

    def end(self, rule: str, manifest: str | None, seconds: float) -> None:
        """Learn what a job of this run took."""
        self._measured[rule].add(seconds)
        worked = seconds - min(START_SECONDS, seconds / 2)
        if job := self._known(rule, manifest):
            kept = 0.5 ** (seconds / HALF_LIFE_SECONDS)
            self._here = kept * self._here + worked
            self._there = kept * self._there + job.seconds
        elif (elsewhere := self._everywhere[rule].mean) is not None and not self._is_studied(rule):
            for total, took in zip(self._smaller, (worked, elsewhere), strict=True):
                total.add(took)

    def waiting(self, counts: Mapping[str, int], cores: int) -> float | None:
        """Return the seconds, times cores, of jobs that have not begun, given how many there are of each rule."""
        total = 0.0
        for rule, count in counts.items():
            if count > 0:
                if (mean := self._mean(rule)) is None:
                    return None
                total += count * mean * min(self._threads.get((self._study, rule), 1), cores)
        return total

    def _known(self, rule: str, manifest: str | None) -> PastJob | None:
        job = self._past.get(manifest) if manifest else None
        return job if job and job.rule == rule else None

    def _is_studied(self, rule: str) -> bool:
        """Return whether the ledger has jobs of `rule` in this study."""
        return (self._study, rule) in self._threads

    def _now(self, seconds: float) -> float:
        return (seconds + START_SECONDS) * self.pace

    def _mean(self, rule: str) -> float | None:
        """Return the expected seconds of a job of `rule` of which nothing else is known.

        By the jobs of this study that have not begun, else by those that this run has measured, else by other
        studies, else by all that this run has measured.
        """
        if (here := self._left[self._study][rule].mean) is not None:
            return self._now(here)
        if (measured := self._measured[rule].mean) is not None:
            return measured
        if (elsewhere := self._everywhere[rule].mean) is not None:
            return elsewhere * self.size + START_SECONDS
        every = list(self._measured.values())
        return Total(sum(t.jobs for t in every), sum(t.seconds for t in every)).mean


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
