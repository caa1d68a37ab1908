"""The tiny study, run once for all tests that begin with it finished, whichever process or session they are in.

A session of tests keeps it in pytest's cache under a digest of all that it is made from, so the next one, of
faults or of a cluster, starts from the same run; whatever differs, a version of a package too, makes it anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "params.yaml", "studies", "profiles", "envs", "workflow", "docs")
OVERLAY = "studies/tiny.yaml"
MADE = ("data", "results", ".snakemake")
"""What a run writes into its folder."""


@dataclass(frozen=True)
class Finished:
    """A run that nothing interrupted; nobody may write into its folder."""

    folder: Path
    seconds: float

    def give(self, folder: Path) -> None:
        """Copy what was made into a project of the same sources, times of files included."""
        for name in MADE:
            shutil.copytree(self.folder / name, folder / name, symlinks=True)


def copy_sources(folder: Path, names: tuple[str, ...] = SOURCES) -> None:
    """Copy what a study is run from."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        copy: Callable = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)


def finished(cache: Path) -> Finished:
    """Return the finished tiny study in `cache`, run there if it is not; others wait for it meanwhile."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = cache / _digest()
        if not place.exists():
            for old in cache.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _run(cache / "unfinished")
            (cache / "unfinished").rename(place)
    return Finished(place / "project", json.loads((place / "seconds.json").read_text()))


def _run(folder: Path) -> None:
    project = folder / "project"
    copy_sources(project)
    # The cache lies in a checkout, whose git is none of the study's.
    own = {"PYTHONPATH": str(project / "workflow"), "GIT_CEILING_DIRECTORIES": str(folder)}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", OVERLAY],
        cwd=project, env=os.environ | own, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    (folder / "seconds.json").write_text(json.dumps(time.monotonic() - began))


def _digest() -> str:
    """Return a digest of the sources, the interpreter and the packages."""
    found = hashlib.sha256(sys.version.encode())
    packages = {f"{d.metadata['Name']} {d.version}" for d in distributions()}
    found.update(json.dumps(sorted(packages)).encode())
    for name in SOURCES:
        files = sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]
