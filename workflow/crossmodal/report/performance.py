"""Where the time of a finished study went, from its manifests: `make bench-overhead` fills docs/performance.md."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crossmodal.errors import UserError
from crossmodal.provenance.account import seconds
from crossmodal.provenance.ledger import Manifest, find_manifests, study_folders


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
    start = min(_time(m, "started") for m in manifests)
    wall = (max(_time(m, "ended") for m in manifests) - start).total_seconds()
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


def _time(manifest: Mapping[str, Any], key: str) -> datetime:
    return datetime.fromisoformat(manifest[key])
