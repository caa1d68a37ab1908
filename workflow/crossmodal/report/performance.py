"""Where the time of a finished study went, from its manifests: what docs/performance.md has of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crossmodal.errors import UserError
from crossmodal.provenance.account import seconds
from crossmodal.provenance.ledger import Manifest, find_manifests, study_folders

PAUSE = 60
"""Seconds without a job that are no part of a run: the next job was begun by another command."""


def read_manifests(study: str) -> list[Manifest]:
    """Return every manifest of a study; UserError if there is none."""
    manifests = list(find_manifests(study_folders(study)).values())
    if not manifests:
        raise UserError(f"results/{study}: no manifests; run the study first")
    return manifests


def stages_table(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return jobs, time and memory by rule as a Markdown table, in the order in which rules began."""
    rules: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for manifest in sorted(manifests, key=lambda m: str(m["started"])):
        rules[manifest["rule"]].append(manifest)
    lines = [
        "| rule | jobs | seconds, all jobs | longest job, s | threads | peak memory, GB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for rule, jobs in rules.items():
        times = [seconds(job) for job in jobs]
        memory = max(job["peak_memory_bytes"] for job in jobs) / 1e9
        lines.append(
            f"| {rule} | {len(jobs)} | {sum(times):.1f} | {max(times):.1f} | {jobs[0]['threads']} | {memory:.2f} |"
        )
    return "\n".join(lines)


def totals_table(manifests: Sequence[Mapping[str, Any]], cores: int) -> str:
    """Return wall time, useful share and peak memory of the whole study as a Markdown table.

    Useful is what jobs spend after their imports, times their threads, over wall time times `cores`; a job
    that is timed has the machine to itself and counts with its own threads.
    """
    wall = _wall_seconds(manifests)
    useful = sum(seconds(m) * m["threads"] for m in manifests) / (wall * cores)
    memory = max(m["peak_memory_bytes"] for m in manifests) / 1e9
    return "\n".join(
        [
            "| | |",
            "|---|---:|",
            f"| jobs | {len(manifests)} |",
            f"| wall time, first job to report | {wall / 60:.1f} min |",
            f"| wall × cores spent in library calls | {100 * useful:.0f} % of {cores} cores |",
            f"| peak memory of any job | {memory:.2f} GB |",
        ]
    )


def _wall_seconds(manifests: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds from the first job to the last, without pauses: a study may be run in several goes."""
    wall, last = 0.0, min(_time(m, "started") for m in manifests)
    for manifest in sorted(manifests, key=lambda m: _time(m, "started")):
        gap = (_time(manifest, "started") - last).total_seconds()
        wall += gap if 0 < gap <= PAUSE else 0.0
        wall += max(0.0, (_time(manifest, "ended") - max(last, _time(manifest, "started"))).total_seconds())
        last = max(last, _time(manifest, "ended"))
    return wall


def _time(manifest: Mapping[str, Any], key: str) -> datetime:
    return datetime.fromisoformat(manifest[key])
