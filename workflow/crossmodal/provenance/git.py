"""The commit that a job ran at, for its manifest; never part of a spec."""

import subprocess
from pathlib import Path

from crossmodal.errors import UserError


def head(folder: Path) -> tuple[str, bool | None]:
    """Return the commit checked out at `folder` and whether the work tree differs from it.

    ("unknown", None) outside a repository, as in a source archive, or where git is not installed.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
        unwatched = _unwatched(folder)
    except (OSError, subprocess.CalledProcessError):
        return "unknown", None
    return commit, bool(changes or unwatched)


SOURCES = ("workflow", "Snakefile", "params.yaml", "studies", "profiles", "envs")
"""What a run is made of: a file below these that no commit has is a change like any other."""
MADE = ("__pycache__", ".egg-info/")
"""What Python makes by itself among the sources."""


def changes(folder: Path) -> list[str]:
    """Return the files below `folder` that differ from the commit; UserError outside a repository.

    These are tracked files, those that git was told not to look at, and those among the sources of a run that it
    does not know or was told to ignore.
    """
    try:
        listed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        unwatched = _unwatched(folder)
        unknown = _git(folder, "ls-files", "--others", "-z", "--", *SOURCES)
    except (OSError, subprocess.CalledProcessError):
        raise UserError(f"{folder.resolve()}: not a git repository") from None
    tracked = [line.strip().split(maxsplit=1)[1] for line in listed.splitlines()]
    new = [path for path in unknown.split("\0") if path and not any(made in path for made in MADE)]
    return [*dict.fromkeys([*tracked, *unwatched]), *new]


def _unwatched(folder: Path) -> list[str]:
    """Return the tracked files of which git reports no change: assumed unchanged, or skipped in the work tree."""
    listed = _git(folder, "ls-files", "-v", "-z").split("\0")
    return [line[2:] for line in listed if line and (line[0] == "S" or line[0].islower())]


def author() -> str:
    """Return who works here as git knows them, `Name <address>`; UserError if nobody told git.

    A name that git makes up of the login and the machine's name signs nothing.
    """
    try:
        identity = _git(Path(), "-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    except (OSError, subprocess.CalledProcessError):
        raise UserError(
            'git does not know who you are: git config --global user.name "Your Name" says it,'
            " and user.email your address"
        ) from None
    return identity.rpartition("> ")[0] + ">"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
