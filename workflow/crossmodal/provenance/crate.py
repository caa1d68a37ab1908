"""A study as a Workflow Run RO-Crate: one folder with its files and, in JSON-LD, how each came to be.

The crate follows the Provenance Run Crate profile 0.5 (https://w3id.org/ro/wfrun/provenance/0.5) on RO-Crate 1.1.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crossmodal.errors import UserError
from crossmodal.provenance.audit import Finding, Node, Verdict
from crossmodal.provenance.crate_entities import METADATA, About, describe
from crossmodal.provenance.crate_files import Record, located, recorded
from crossmodal.provenance.digests import md5_of
from crossmodal.provenance.ledger import entries


@dataclass(frozen=True, slots=True)
class Written:
    """What a crate holds."""

    files: int
    bytes: int
    actions: int


def write_crate(
    output: Path, nodes: Sequence[Node], about: About, *, copy: bool = False, allow_stale: bool = False
) -> Written:
    """Write the crate of the jobs `nodes` (all of a study, sources first) to the folder `output`.

    Files lie in it under the paths that they have in the project. What jobs wrote are hard links to the study's
    own files where the file system can, which take no room, or with `copy` copies: jobs replace files and never
    edit them. The workflow's files are copies, because editors do. Inputs from outside the project are described
    and left out: they are their owners' to publish. Every file's MD5 is in the crate, because manifests and
    dvc.lock hold that digest and the audit has just compared it with the bytes; a second one would mean reading
    all data again.

    The folder appears whole or not at all; one that is there is replaced only if it is a crate. Raises UserError
    with one line if a job has no manifest, if a file is missing or not what the job wrote, and, unless
    `allow_stale`, if a job would run with other parameters, code or packages today.
    """
    _check(nodes, allow_stale)
    if output.is_symlink() or (output.exists() and not (output / METADATA).is_file() and not _empty(output)):
        raise UserError(f"{output}: not an RO-Crate, so it is not replaced; name a new folder or a crate's")
    nodes = _ordered(nodes)
    records, external = _records(nodes, about)
    edited = {located(path) for path in about.project}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".crate-", dir=output.parent) as folder:
            fresh, old = Path(folder, "new"), Path(folder, "old")
            fresh.mkdir()
            for path in records:
                _place(Path(path), fresh / path, copy or path in edited)
            actions = describe(nodes, about, records, external, fresh)
            if output.exists():
                output.replace(old)
            fresh.replace(output)
    except OSError as error:
        raise UserError(f"{error.filename or output}: {error.strerror or error}") from error
    return Written(len(records), sum(record.bytes for record in records.values()), actions)


def _empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _check(nodes: Sequence[Node], allow_stale: bool) -> None:
    """Raise UserError for the first job that cannot be described truthfully."""
    if not nodes:
        raise UserError("no jobs: the study has nothing to put into a crate")
    for node in nodes:
        for finding in node.findings:
            if finding.verdict in (Verdict.MISSING, Verdict.UNRECORDED, Verdict.TAMPERED):
                raise UserError(_refusal(node, finding, "run the study or `crossmodal restore` first"))
            if finding.verdict == Verdict.STALE and finding.detail.startswith("input: "):
                raise UserError(_refusal(node, finding, "run the study again first"))
    stale = [node for node in nodes if node.verdict == Verdict.STALE]
    if stale and not allow_stale:
        first = next(finding for finding in stale[0].findings if finding.verdict == Verdict.STALE)
        advice = (
            f"{len(stale)} stale in all: run the study again, or describe it as it ran with --allow-stale"
        )
        raise UserError(_refusal(stale[0], first, advice))


def _ordered(nodes: Sequence[Node]) -> list[Node]:
    """Return the jobs in an order that depends on nothing but the study: by depth in the DAG, then by name."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.job.name] = 1 + max((depth[name] for name in node.parents), default=0)
    return sorted(nodes, key=lambda node: (depth[node.job.name], node.job.name))


def _refusal(node: Node, finding: Finding, advice: str) -> str:
    return f"{node.job.name}: {finding.verdict} ({finding.detail}); {advice}"


def _records(nodes: Sequence[Node], about: About) -> tuple[dict[str, Record], dict[str, Record]]:
    """Return size and digest of the files that go into the crate, by path, and of those from elsewhere.

    Raises UserError if two jobs saw different bytes under one path: the crate can hold only one of them.
    """
    found: dict[str, Record] = {}
    for node in nodes:
        for side in ("inputs", "outputs"):
            for entry in entries(recorded(node), side):
                path, record = located(entry["path"]), Record(entry["md5"], entry["bytes"])
                if found.setdefault(path, record) != record:
                    raise UserError(
                        f"{path}: {node.job.name} saw md5 {record.md5}, another job {found[path].md5};"
                        " run the study again first"
                    )
    own = [*about.project, *(Path(node.job.manifest) for node in nodes)]
    found |= _measured([path for path in own if located(path) not in found])
    inside = {path: record for path, record in found.items() if _is_inside(path)}
    return inside, {path: record for path, record in found.items() if path not in inside}


def _measured(paths: Sequence[Path]) -> dict[str, Record]:
    records = {}
    for path, digest in md5_of(paths, None).items():
        if digest is None:
            raise UserError(f"{path}: no such file")
        records[located(path)] = Record(digest, path.stat().st_size)
    return records


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and pure.parts[:1] != ("..",)


def _place(source: Path, target: Path, copy: bool) -> None:
    """Make `target` a hard link to `source`, or a copy where that is asked for or links cannot be made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            os.link(source.resolve(), target)  # a link to a symbolic link would dangle elsewhere
        except OSError:
            copy = True
    if copy:
        shutil.copy2(source, target)
