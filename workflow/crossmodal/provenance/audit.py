"""Verdicts: is every file what its job wrote, and would every job be the same today?

A job is `verified` when its manifest names the spec and the inputs that it would have now and every byte of
its inputs and outputs is as recorded. A number is as good as the worst job that it comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from crossmodal.provenance.dag import Job, producers, runs, upstream
from crossmodal.provenance.differences import compare_specs, differing
from crossmodal.provenance.ledger import entries
from crossmodal.provenance.named_files import compare_named
from crossmodal.provenance.waivers import Waiver, covering


class Verdict(StrEnum):
    """From best to worst."""

    VERIFIED = "verified"
    ACCEPTED = "accepted"
    STALE = "stale"
    UNRECORDED = "unrecorded"
    MISSING = "missing"
    TAMPERED = "tampered"


KEYS = 3
"""Up to so many keys of a manifest that are not as they were published are named."""

SEVERITY = {verdict: i for i, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a job is not verified."""

    verdict: Verdict
    detail: str
    """For example `params: method.rank 8 → 4`, or the file and the recorded and found digests."""


@dataclass(frozen=True, slots=True)
class Node:
    """A job of the DAG and what was found of it."""

    job: Job
    manifest: Mapping[str, Any] | None
    """What the job wrote of itself; the ledger's copy where the file is not here; None if it never ran."""
    findings: tuple[Finding, ...]
    parents: tuple[str, ...]
    """Names of the jobs whose outputs it reads."""
    found: Mapping[str, str | None] = field(default_factory=dict)
    """Digest of each of its files as it is now, None for one that is not there."""

    @property
    def verdict(self) -> Verdict:
        return worst(finding.verdict for finding in self.findings)


def worst(verdicts: Any) -> Verdict:
    """Return the worst of some verdicts; `verified` of none."""
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.VERIFIED)


def files_of(jobs: Sequence[Job], manifests: Mapping[str, Mapping[str, Any]]) -> set[Path]:
    """Return every file that verdicts on `jobs` need the digest of."""
    recorded = [manifests[job.manifest] for job in jobs if job.manifest in manifests]
    files = {entry["path"] for m in recorded for side in ("inputs", "outputs") for entry in entries(m, side)}
    return {Path(path) for path in files.union(*(job.outputs for job in jobs))}


def audit_jobs(
    jobs: Sequence[Job],
    specs: Mapping[str, Mapping[str, Any]],
    manifests: Mapping[str, Mapping[str, Any]],
    ledger: Mapping[str, Mapping[str, Any]],
    digests: Mapping[Path, str | None],
    waivers: Sequence[Waiver] = (),
    programs: Mapping[str, str] | None = None,
) -> dict[str, Node]:
    """Return a node for each job, by its name, sources first.

    `specs` are those that the jobs would have now, by job name; `manifests` and `ledger` are by manifest
    path; `digests` hold those of `files_of`; `programs` are the modules that jobs have to run,
    by rule. Where the ledger has the very run that a manifest is of, known by its
    start, the manifest must be what was published.
    """
    made_by = producers(jobs)
    nodes = {}
    for job in jobs:
        present = manifests.get(job.manifest)
        recorded = present or ledger.get(job.manifest)
        findings = _files(job, present, digests)
        if present:
            findings += _forged(present, ledger.get(job.manifest))
        if recorded:
            findings += _spec(job, recorded, specs[job.name], waivers)
            findings += _inputs(job, recorded, digests, made_by)
        if recorded and programs and not runs(job, programs[job.rule]):
            findings.append(
                Finding(Verdict.STALE, f"command: `{' '.join(job.command)}`, not its module alone")
            )
        parents = tuple(parent.name for parent in upstream(job, made_by))
        read = (entry["path"] for entry in entries(recorded, "inputs")) if recorded else ()
        seen = {path: digests.get(Path(path)) for path in (*job.outputs, *read)}
        nodes[job.name] = Node(job, recorded, tuple(findings), parents, seen)
    return nodes


def _files(job: Job, manifest: Mapping[str, Any] | None, digests: Mapping[Path, str | None]) -> list[Finding]:
    there = [path for path in job.outputs if digests.get(Path(path))]
    if manifest is None:
        if there:
            return [Finding(Verdict.UNRECORDED, f"{there[0]}: no manifest says which job wrote it")]
        return [Finding(Verdict.MISSING, f"{path}: not here") for path in job.outputs[:1]]
    recorded = {entry["path"]: entry["md5"] for entry in entries(manifest, "outputs")}
    findings = []
    for path in job.outputs:
        found = digests.get(Path(path))
        if path not in recorded:
            findings.append(Finding(Verdict.UNRECORDED, f"{path}: its job's manifest does not name it"))
        elif found is None:
            findings.append(Finding(Verdict.MISSING, f"{path}: not here"))
        elif found != recorded[path]:
            detail = f"{path}: recorded {recorded[path]}, found {found}"
            findings.append(Finding(Verdict.TAMPERED, detail))
    return findings


HEADER = ("rule", "wildcards", "seed", "threads")
"""What a manifest says on its own account and again in its spec."""


def _forged(manifest: Mapping[str, Any], published: Mapping[str, Any] | None) -> list[Finding]:
    """Return what shows that no job wrote this manifest: it contradicts itself or what was published of it."""
    spec = manifest["spec"]
    findings = [
        f"manifest: {key} is {manifest[key]}, its spec says {spec[key]}"
        for key in HEADER
        if manifest[key] != spec[key]
    ]
    if published and published["started"] == manifest["started"]:
        keys = differing(published, manifest)
        more = f" and {len(keys) - KEYS} more" if len(keys) > KEYS else ""
        if keys:
            named = ", ".join(keys[:KEYS]) + more
            verb = "differs" if len(keys) == 1 else "differ"
            findings.append(f"manifest: {named} {verb} from what was published of the same run")
    return [Finding(Verdict.TAMPERED, finding) for finding in findings]


def _spec(
    job: Job, recorded: Mapping[str, Any], current: Mapping[str, Any], waivers: Sequence[Waiver]
) -> list[Finding]:
    differences = compare_specs(recorded["spec"], current)
    if waived := covering(job.rule, differences, waivers):
        modules = ", ".join(difference.key for difference in differences)
        return [Finding(Verdict.ACCEPTED, f"code: {modules}; {waiver}") for waiver in waived]
    return [Finding(Verdict.STALE, f"{difference.kind}: {difference}") for difference in differences]


def _inputs(
    job: Job, recorded: Mapping[str, Any], digests: Mapping[Path, str | None], made_by: Mapping[str, Job]
) -> list[Finding]:
    before = {entry["path"]: entry["md5"] for entry in entries(recorded, "inputs")}
    findings = [f"input: {path} is new" for path in job.inputs if path not in before]
    findings += [f"input: {path} is gone" for path in before if path not in job.inputs]
    for path in job.inputs:
        found = digests.get(Path(path))
        if path in before and found not in (before[path], None):
            findings.append(f"input: {path} was {before[path]}, is {found}")
    findings += compare_named("input", recorded["inputs"], job.named_inputs)
    findings += compare_named("output", recorded["outputs"], job.named_outputs)
    absent = [path for path in job.inputs if path not in made_by and digests.get(Path(path)) is None]
    return [
        *(Finding(Verdict.STALE, finding) for finding in findings),
        *(Finding(Verdict.MISSING, f"{path}: not here, and no job writes it") for path in absent),
    ]


def lineage(nodes: Mapping[str, Node], names: Sequence[str]) -> list[str]:
    """Return `names` and the names of all jobs above them, each once, sources first."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for parent in nodes[name].parents:
                visit(parent)
            order[name] = None

    for name in names:
        visit(name)
    return list(order)
