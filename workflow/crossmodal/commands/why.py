"""`crossmodal why`: which jobs would a run execute now, for what reason, and how long did they take before?"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from crossmodal.commands.context import StudyOption, overlays_of, resolve
from crossmodal.provenance.account import seconds
from crossmodal.provenance.dag import Job, list_jobs, producers, upstream
from crossmodal.provenance.differences import compare_specs
from crossmodal.provenance.ledger import find_manifests, study_folders

SHOWN = 6
"""Up to so many reasons of one job are printed; --json gives all."""


def why(
    target: Annotated[
        str | None, typer.Argument(help="A file or a rule; default: everything that a run would make.")
    ] = None,
    study: StudyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Say which jobs a run would execute now, why each, and the time that they took before.

    A job runs because its spec differs from the recorded one (the difference is shown), because an output is
    missing, or because a job above it runs.
    """
    from crossmodal.study.specs import spec

    overlays = overlays_of(study)
    resolved = resolve(overlays)
    jobs = list_jobs(overlays, [target] if target else [], stale_only=True)
    manifests = find_manifests(study_folders(resolved.study))
    specs = {job.name: json.loads(spec(resolved, job.rule, **dict(job.wildcards))) for job in jobs}
    plan = explain(jobs, specs, manifests)
    if as_json:
        print(json.dumps(plan, indent=1, ensure_ascii=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    for entry in plan:
        expected = "not run before" if entry["expected_seconds"] is None else _time(entry["expected_seconds"])
        console.print(f"[bold]{escape(entry['job'])}[/bold] [dim]{expected}[/dim]")
        for reason in entry["reasons"][:SHOWN]:
            console.print(f"    {escape(reason)}")
        if (more := len(entry["reasons"]) - SHOWN) > 0:
            console.print(f"    and {more} more (--json lists all)")
    console.print(_sum(plan, resolved.study))


def explain(
    jobs: Sequence[Job], specs: Mapping[str, Mapping[str, Any]], manifests: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return for each of `jobs` (those that a run would execute) its reasons and its expected time.

    The time is that of the job's last run, else the mean of its rule, in seconds; None if there was none.
    """
    made_by = producers(jobs)
    times: dict[str, list[float]] = {}
    for manifest in manifests.values():
        times.setdefault(manifest["rule"], []).append(seconds(manifest))
    plan = []
    for job in jobs:
        before = manifests.get(job.manifest)
        reasons = []
        if before:
            reasons += [f"{d.kind}: {d}" for d in compare_specs(before["spec"], specs[job.name])]
        reasons += [f"input: rewritten by {parent.name}" for parent in upstream(job, made_by)]
        reasons += _snakemakes(job.reason, explained=bool(reasons))
        known = seconds(before) if before else mean(times[job.rule]) if job.rule in times else None
        plan.append({"job": job.name, "reasons": reasons, "expected_seconds": known})
    return plan


def _snakemakes(reason: str, explained: bool) -> list[str]:
    """Return those of Snakemake's own reasons that a comparison of specs does not give."""
    parts = []
    for part in reason.split("; "):
        head, _, files = part.partition(": ")
        if head.startswith("Missing output files"):
            parts.append(f"output: {files} missing")
        elif head.startswith(("Params have changed", "Input files updated")) and explained:
            continue
        elif head.startswith("Set of input files has changed"):
            parts.append("input: another set of files than before")
        elif part:
            parts.append(part if len(part) < 300 else f"{part[:299]}…")
    return parts


def _sum(plan: Sequence[Mapping[str, Any]], study: str) -> str:
    if not plan:
        return f"study {study}: nothing to do"
    rules = Counter(entry["job"].split()[0] for entry in plan)
    known = [entry["expected_seconds"] for entry in plan if entry["expected_seconds"] is not None]
    unknown = len(plan) - len(known)
    sums = ", ".join(f"{count} {rule}" for rule, count in rules.items())
    open_end = f", and {unknown} jobs never run" if unknown else ""
    return f"study {study}: {len(plan)} jobs ({sums}); they took {_time(sum(known))} before{open_end}"


def _time(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"
