"""What a stage of dvc.yaml runs: Snakemake for the jobs of its rules, then a check of what they wrote.

DVC records whatever lies there when a command ends with 0. Snakemake does not look at the bytes of outputs,
and without its metadata, as in a fresh clone, not at parameters either; so the jobs of the stage are audited.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from crossmodal.commands.context import context_of
from crossmodal.errors import UserError
from crossmodal.provenance.audit import Node
from crossmodal.provenance.dag import list_jobs
from crossmodal.provenance.settle import HOLDS


def stage(
    rules: Annotated[list[str], typer.Argument(metavar="RULE...", help="The rules of the stage.")],
    configfile: Annotated[list[Path] | None, typer.Option(help="An overlay on params.yaml.")] = None,
) -> None:
    """Run what is stale of the jobs of RULE..., then check every file that they read and wrote."""
    refuse_copies()
    overlays = configfile or []
    jobs = [job for job in list_jobs(overlays) if job.rule in rules]
    # Files and not `--until`, which stops with "Out of jobs ready to be started" where rules follow one another.
    command = [sys.executable, "-m", "snakemake", *(job.manifest for job in jobs), "--cores", "all"]
    command += ["--configfile", *map(str, overlays)] if overlays else []
    if subprocess.run(command).returncode:
        raise UserError("snakemake failed, its output above says why; DVC records nothing of this stage")
    context = context_of(overlays)
    check(list(context.audit([job for job in context.jobs if job.rule in rules], cache=False).values()))


def refuse_copies() -> None:
    """Raise UserError where DVC runs the stage in a copy of the project (`dvc exp run --temp` or `--queue`)."""
    root = Path(os.environ.get("DVC_ROOT", "."))
    if root.resolve() != Path.cwd().resolve():
        raise UserError(
            "dvc exp run --temp and --queue run in a copy without Snakemake's metadata, where nothing says"
            f" what is stale; use a plain `dvc exp run` in {root}"
        )


def check(nodes: Sequence[Node]) -> None:
    """Raise UserError with the first finding that keeps a job from being recorded, and how many more there are."""
    bad = [(node, finding) for node in nodes for finding in node.findings if finding.verdict not in HOLDS]
    if bad:
        node, finding = bad[0]
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise UserError(
            f"{node.job.name}: {finding.verdict}, {finding.detail}{more}; DVC records nothing of this stage:"
            f" `snakemake --cores all --forcerun {node.job.rule}` makes it anew"
        )


def main() -> None:
    """Run the command; a UserError is one line on standard error and exit status 1."""
    try:
        typer.run(stage)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
