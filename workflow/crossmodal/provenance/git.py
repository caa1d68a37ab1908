"""The commit that a job ran at, for its manifest; never part of a spec."""

import subprocess
from pathlib import Path


def head(folder: Path) -> tuple[str, bool | None]:
    """Return the commit checked out at `folder` and whether the work tree differs from it.

    ("unknown", None) outside a repository, as in a source archive, or where git is not installed.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown", None
    return commit, bool(changes)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
