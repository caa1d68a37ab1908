"""Fetching and sending tracked files through DVC."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.progress import progress


def pull(files: Mapping[str, str]) -> bool:
    """Fetch files (path -> MD5) that are not here into their places, through DVC's cache.

    By digest and not by `dvc pull PATH...`, which takes seconds for each path. What the default remote (or,
    without one, the cache) does not have is left absent. Returns False where a remote was needed and none is
    set. UserError with DVC's reason if the remote fails.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    reached = True
    with Repo() as repo:
        cache = repo.cache.local
        wanted = {digest for digest in files.values() if not cache.exists(digest)}
        try:
            if wanted:
                repo.cloud.pull({HashInfo("md5", digest) for digest in wanted})
        except NoRemoteError:
            reached = False  # whatever the cache has is brought back
        except (DvcException, OSError) as error:
            raise UserError(f"dvc: {str(error).splitlines()[0]}") from None
        for path, digest in progress(files.items(), "bringing files back", unit="file"):
            if cache.exists(digest):
                _copy(Path(cache.oid_to_path(digest)), Path(path))
    return reached


def _copy(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".restored-{path.name}")
    shutil.copyfile(source, temporary)
    temporary.replace(path)


def push() -> None:
    """Send all tracked files to the default remote."""
    _dvc("push")


def commit() -> None:
    """Record all files as they are in dvc.lock and in DVC's cache; it believes anything: audit before."""
    _dvc("commit", "--force", "--no-relink")


def _dvc(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no message"]
        raise UserError(f"dvc {arguments[0]}: {lines[0].removeprefix('ERROR: ')}")
