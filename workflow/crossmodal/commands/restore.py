"""`crossmodal restore`: bring back the published results that are still current, and nothing else."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

from crossmodal.commands.context import Context, StudyOption, load_context
from crossmodal.errors import UserError
from crossmodal.provenance.audit import Node, Verdict, audit_jobs
from crossmodal.provenance.digests import md5_of
from crossmodal.provenance.ledger import LEDGER, entries
from crossmodal.provenance.manifest import render_manifest, write_manifest
from crossmodal.provenance.remote import pull
from crossmodal.provenance.settle import HOLDS, holding, settle


def restore(study: StudyOption = None) -> None:
    """Pull what is current, verify every byte, and only then tell Snakemake that it is up to date.

    Current are the jobs in ledger.jsonl whose recorded spec is the one that they would have now, and all of
    whose ancestors are current. Everything else stays absent, so that a run makes it anew. A file that is
    here already is kept as it is, and is believed only where an audit believes it.
    """
    context = load_context(study)
    if not context.ledger:
        raise UserError(
            f"{LEDGER}: says nothing of study {context.study.study!r}; only a published study is restored"
        )
    wanted = _current(context)
    absent = {
        path: digest
        for node in wanted.values()
        for path, digest in _files(context, node)
        if not Path(path).exists()
    }
    print(f"{len(wanted)} of {len(context.jobs)} jobs are current, {len(absent)} of their files are not here")
    reached = pull(absent) if absent else True
    lost = [path for path in absent if not Path(path).exists()]
    for node in wanted.values():
        _put_manifest(context, node)
    context = load_context(study)
    nodes = context.audit(cache=False)
    _discard_wrong(nodes, absent)
    sound = set(holding(nodes))
    settle([job for job in context.jobs if job.name in sound], context.overlays)
    for name, node in nodes.items():
        if name in wanted and node.verdict not in (*HOLDS, Verdict.MISSING):
            print(f"{node.verdict} {name}: {node.findings[0].detail}")
    left = len(nodes) - len(sound)
    print(
        f"restored and verified: {len(sound)} jobs"
        + (f"; {left} are left to a run (`crossmodal why`)" if left else "")
    )
    if lost:
        where = "on the remote" if reached else "anywhere else, as no remote is set"
        raise UserError(
            f"{len(lost)} files, such as {lost[0]}, are neither in DVC's cache nor {where}; `dvc remote add"
            " --default NAME PLACE` says where published files are (docs/dvc.md), or run the study"
        )
    if any(name not in sound for name in wanted):
        raise typer.Exit(1)


def _current(context: Context) -> dict[str, Node]:
    """Return the published jobs that would be the same today, judged by the ledger alone."""
    recorded = {
        Path(entry["path"]): entry["md5"]
        for manifest in context.ledger.values()
        for entry in entries(manifest, "outputs")
    }
    sources = {Path(path) for job in context.jobs for path in job.inputs} - set(recorded)
    digests = recorded | md5_of(sources)  # files of the user's own, which no job writes
    nodes = audit_jobs(context.jobs, context.specs, context.ledger, {}, digests, context.waivers)
    return {name: nodes[name] for name in holding(nodes)}


def _files(context: Context, node: Node) -> Iterator[tuple[str, str]]:
    """Yield path and MD5 of a published job's outputs and of its manifest."""
    manifest = context.ledger[node.job.manifest]
    for entry in entries(manifest, "outputs"):
        yield entry["path"], entry["md5"]
    text = render_manifest(manifest).encode()
    yield node.job.manifest, hashlib.md5(text, usedforsecurity=False).hexdigest()


def _put_manifest(context: Context, node: Node) -> None:
    """Write a job's manifest from the ledger where its outputs came without it."""
    path = Path(node.job.manifest)
    if not path.exists() and all(Path(output).exists() for output in node.job.outputs):
        write_manifest(path, context.ledger[node.job.manifest])


def _discard_wrong(nodes: Mapping[str, Node], pulled: Mapping[str, str]) -> None:
    """Remove pulled files that are not what the ledger says (`pulled`, by path): a run makes them anew."""
    for node in nodes.values():
        if node.verdict is Verdict.TAMPERED:
            for path in node.job.outputs:
                if path in pulled and node.found.get(path) != pulled[path]:
                    Path(path).unlink(missing_ok=True)
