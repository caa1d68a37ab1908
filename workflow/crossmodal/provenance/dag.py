"""The jobs of a study, as Snakemake lists them: what would run, from what, to what, and why."""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.provenance.named_files import Named, read_named

IN_FULL = ("--logger", "crossmodal", "--quiet", "host")
"""Options with which a dry run lists its jobs in Snakemake's own words, whatever a user's profile says.

The logger stands aside in a dry run, which no option says of the default one; only the header is left out.
"""

LAUNCHER = "crossmodal.jobs.torchrun"
"""Starts a job as several processes; how many stands before the job's own module."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the DAG."""

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    """Without the manifest."""
    manifest: str
    """Path of its manifest."""
    reason: str
    """Why Snakemake would run it, in its words."""
    arguments: str = ""
    """The file with the arguments that it would get; empty where its command names none."""
    command: tuple[str, ...] = ()
    """The words of the command that it would run; empty where that is none of a shell."""
    named_inputs: Named | None = None
    """Its inputs by argument, in order: what tells two inputs from the same two swapped; None if not known."""
    named_outputs: Named | None = None
    """Its outputs likewise, without the manifest."""

    @property
    def name(self) -> str:
        """Rule and wildcards, for example `adapt_model cell=full seed=0`: unique in a study."""
        return " ".join([self.rule, *(f"{key}={value}" for key, value in self.wildcards)])


def list_jobs(
    overlays: Sequence[Path], targets: Sequence[str] = (), *, stale_only: bool = False
) -> list[Job]:
    """Return the jobs of the study that params.yaml and `overlays` describe, sources first.

    All that `targets` (default: the whole study) need, or with `stale_only` those that a run would execute
    now, in the same order each time. Snakemake itself is asked by a dry run, so nothing can disagree with it; it
    takes seconds. The dry run also writes the files with the jobs' arguments, which say what Snakemake does not:
    the name of each input. Raises UserError with Snakemake's own last line where it cannot make its plan.
    """
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--cores", "1", "--nolock", *IN_FULL]
    command += ["--printshellcmds"] if stale_only else ["--printshellcmds", "--forceall"]
    command += ["--configfile", *map(str, overlays)] if overlays else []
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        lines = (listed.stderr.strip() or listed.stdout.strip() or "no message").splitlines()
        raise UserError(lines[-1].removeprefix("error: "))
    return _sources_first([_with_names(job) for job in parse_listing(listed.stdout)])


def _with_names(job: Job) -> Job:
    """Return `job` with what its file of arguments says, where that could be written."""
    named = read_named(Path(job.arguments), job.inputs, job.outputs) if job.arguments else None
    return replace(job, named_inputs=named[0], named_outputs=named[1]) if named else job


def parse_listing(text: str) -> list[Job]:
    """Return the jobs in the output of a Snakemake dry run; those without a manifest (`all`) are left out."""
    job = r"^(?:local)?rule (\w+):\n((?: {4}.*\n?)*)(?:Shell command: ([\s\S]*?)(?=^\[|^Job stats:|\Z))?"
    jobs = []
    for rule, details, command in re.findall(job, text, flags=re.MULTILINE):
        fields = dict(re.findall(r"^ {4}(\w+): (.*)$", details, flags=re.MULTILINE))
        files = _split(fields.get("output", ""))
        manifests = [path for path in files if path.endswith("manifest.json")]
        if not manifests:
            continue
        wildcards = tuple(
            (key, value) for key, _, value in (w.partition("=") for w in _split(fields.get("wildcards", "")))
        )
        outputs = tuple(path for path in files if path not in manifests)
        inputs = tuple(dict.fromkeys(_split(fields.get("input", ""))))
        reason, words = fields.get("reason", ""), tuple(shlex.split(command))
        # `python -m MODULE @FILE > LOG 2>&1` takes its arguments from a file.
        arguments = next((word[1:] for word in words if word.startswith("@")), "")
        jobs.append(Job(rule, wildcards, inputs, outputs, manifests[0], reason, arguments, words))
    return jobs


def runs(job: Job, entry: str) -> bool:
    """Return whether the command of `job` runs the module `entry` with its arguments, and nothing else."""
    start, end = ("python", "-m"), (f"@{job.arguments}", ">", *job.command[-2:-1], "2>&1")
    middle = job.command[len(start) : -len(end)]
    if middle[:1] == (LAUNCHER,) and middle[1:2] and middle[1].isdecimal():
        middle = middle[2:]
    return job.command[: len(start)] == start and middle == (entry,) and job.command[-len(end) :] == end


def _split(listed: str) -> list[str]:
    return [item for item in listed.split(", ") if item]


def producers(jobs: Sequence[Job]) -> dict[str, Job]:
    """Return for each output the job that writes it."""
    return {path: job for job in jobs for path in (*job.outputs, job.manifest)}


def upstream(job: Job, made_by: dict[str, Job]) -> list[Job]:
    """Return the jobs that write what `job` reads, each once, in the order of its inputs."""
    return list(dict.fromkeys(made_by[path] for path in job.inputs if path in made_by))


def ancestors(wanted: Sequence[Job], made_by: dict[str, Job]) -> list[Job]:
    """Return `wanted` and every job above them, each once, sources first."""
    order: dict[Job, None] = {}

    def visit(job: Job) -> None:
        if job not in order:
            for parent in upstream(job, made_by):
                visit(parent)
            order[job] = None

    for job in wanted:
        visit(job)
    return list(order)


def _sources_first(jobs: list[Job]) -> list[Job]:
    # Snakemake lists jobs that could go in either order now in one, now in the other.
    return ancestors(sorted(jobs, key=lambda job: job.name), producers(jobs))
