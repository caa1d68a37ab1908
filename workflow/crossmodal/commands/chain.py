"""The chain of one published number as a page shows it: what `crossmodal audit` prints, shortened."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from crossmodal.commands.audit_text import job_text, number_line, verdict_text
from crossmodal.provenance.account import job_account
from crossmodal.provenance.audit import Node
from crossmodal.provenance.dag import Job
from crossmodal.provenance.ledger import Manifest, entries
from crossmodal.statistics.numbers import Number

WIDTH = 118


def chain_text(number: Number, study: str, ledger: Mapping[str, Manifest]) -> str:
    """Return a console sample: the audit of a published recall of a cell, along the first seed of the cell.

    A number is published after an audit that verified each of its jobs, so each stands as verified. Empty where
    the ledger does not know the chain.
    """
    writers = {
        entry["path"]: path for path, manifest in ledger.items() for entry in _files(manifest, "outputs")
    }
    evaluated = f"results/{study}/evaluation/retrieval/{number.cell}/s"
    ends = f"/{number.dataset}/{number.split}/{number.variant}/queries.parquet"
    chain = [
        writers.get(f"results/{study}/metrics.parquet"),
        writers.get(f"results/{study}/numbers/cells.parquet"),
        next((writers[p] for p in sorted(writers) if p.startswith(evaluated) and p.endswith(ends)), None),
    ]
    if None in chain:
        return ""
    line = number_line(asdict(number) | {"number_id": number.number_id})
    root = branch = Tree(f"{verdict_text('verified')} {escape(line)}")
    for path in chain:
        branch = branch.add(job_text(*_account(str(path), ledger)))
    _hang(branch, str(chain[-1]), ledger, writers, {str(path) for path in chain})
    console = Console(width=WIDTH, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(root, no_wrap=True, overflow="ellipsis")
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join(["```console", f'$ crossmodal audit "{number.number_id}"', *lines, "```"])


def _hang(
    branch: Tree, path: str, ledger: Mapping[str, Manifest], writers: Mapping[str, str], seen: set[str]
) -> None:
    """Add the jobs above `path`, each once and by its name alone."""
    for parent in _parents(ledger, writers, path):
        if parent not in seen:
            seen.add(parent)
            name, _ = _account(parent, ledger)
            _hang(branch.add(f"{verdict_text('verified')} {name} …"), parent, ledger, writers, seen)


def _parents(ledger: Mapping[str, Manifest], writers: Mapping[str, str], path: str) -> Iterator[str]:
    """Yield the manifests of the jobs whose outputs the job of the manifest `path` read, each once."""
    read = (writers.get(entry["path"]) for entry in _files(ledger.get(path, {}), "inputs"))
    yield from (parent for parent in dict.fromkeys(read) if parent)


def _files(manifest: Manifest, side: str) -> list[dict[str, str]]:
    return list(entries(manifest, side)) if side in manifest else []


def _account(path: str, ledger: Mapping[str, Manifest]) -> tuple[str, dict[str, Any]]:
    """Return a job's name and what is known of it."""
    manifest = ledger[path]
    job = Job(manifest["rule"], tuple(manifest["wildcards"].items()), (), (), path, "")
    return job.name, job_account(Node(job, manifest, (), ()))
