"""`crossmodal crate`: the study as an RO-Crate, to publish or to archive."""

import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from crossmodal.commands.context import PARAMS, StudyOption, load_context

PROJECT = (
    "Snakefile", "README.md", "LICENSE", "pyproject.toml", "requirements.lock",
    "envs/**/*", "profiles/**/*", "workflow/**/*",
)  # fmt: skip
"""What the workflow is made of, as globs; what is not there is left out."""

LICENCE = "MIT"
"""The repository's own."""


def crate(
    study: StudyOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The folder to write. Default: results/STUDY/crate.")
    ] = None,
    author: Annotated[
        str | None, typer.Option(help="Who ran the study. Default: git's user.name, if there is one.")
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", help="Licence of the results: an SPDX identifier or an address.")
    ] = LICENCE,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files; by default they are hard links to the study's.")
    ] = False,
    allow_stale: Annotated[
        bool, typer.Option("--allow-stale", help="Describe stale jobs too, as they ran, and say so of each.")
    ] = False,
) -> None:
    """Write the study as a Workflow Run RO-Crate: its workflow, every job, every file.

    Everything is audited first: what is missing, unrecorded or tampered with is not published.
    """
    from crossmodal.provenance.crate import About, write_crate

    context = load_context(study)
    configuration = (PARAMS, *context.overlays)
    about = About(
        study=context.study.study,
        project=tuple(dict.fromkeys([*_project(), *configuration])),
        configuration=configuration,
        version=version("crossmodal"),
        engine_version=version("snakemake"),
        licence=licence,
        author=author or _user(),
        published=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    folder = output or Path("results") / context.study.study / "crate"
    nodes = list(context.audit().values())
    written = write_crate(folder, nodes, about, copy=copy, allow_stale=allow_stale)
    print(f"{folder}: {written.actions} jobs, {written.files} files, {written.bytes:,} bytes")


def _project() -> list[Path]:
    """Return the files of the workflow, sorted."""
    found = {path for pattern in PROJECT for path in Path().glob(pattern) if path.is_file()}
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _user() -> str | None:
    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None
