"""Telling Snakemake that results are up to date: only for jobs that an audit has just found to hold."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.provenance.audit import Node, Verdict, lineage
from crossmodal.provenance.dag import Job, list_jobs

HOLDS = (Verdict.VERIFIED, Verdict.ACCEPTED)


def holding(nodes: Mapping[str, Node]) -> list[str]:
    """Return the names of the jobs that hold and all of whose ancestors hold, sources first."""
    sound: dict[str, None] = {}
    for name in lineage(nodes, list(nodes)):
        node = nodes[name]
        if node.verdict in HOLDS and all(parent in sound for parent in node.parents):
            sound[name] = None
    return list(sound)


def settle(jobs: Sequence[Job], overlays: Sequence[Path]) -> None:
    """Let Snakemake record that `jobs`, and nothing but them, are up to date.

    `snakemake --touch` records the current parameters as those that the files were made with, so it must be
    told of nothing that was not verified: `jobs` must hold every job above each of them. Raises UserError if
    they do not, or if Snakemake refuses or still wants to run one of them.
    """
    if not jobs:
        return
    names = {job.name for job in jobs}
    targets = [job.manifest for job in jobs]
    concerned = list_jobs(overlays, targets)
    if foreign := [job.name for job in concerned if job.name not in names]:
        raise UserError(f"{foreign[0]}: would be marked as up to date without having been verified")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *targets,
        "--touch",
        "--forceall",
        "--cores",
        "1",
        "--quiet",
    ]
    command += ["--configfile", *map(str, overlays)] if overlays else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or "no message").splitlines()
        raise UserError(f"snakemake --touch: {lines[-1]}")
    if left := [job.name for job in list_jobs(overlays, targets, stale_only=True)]:
        raise UserError(
            f"{left[0]}: Snakemake would run it all the same; `crossmodal why` says for what reason"
        )
