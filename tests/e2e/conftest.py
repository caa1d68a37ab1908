"""The tiny study, finished in a copy of the repository, for all end-to-end tests."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.study.rules import RULES, room_rules
from tiny_study import OVERLAY, SOURCES, copy_sources, finished

ROOT = Path(__file__).resolve().parents[2]


class Project:
    """A copy of the repository, so that tests may edit its code and parameters."""

    def __init__(self, folder: Path, overlay: str) -> None:
        self.folder, self.overlay = folder, overlay
        self.environment: dict[str, str] = {}
        copy_sources(folder, (*SOURCES, ".dvc/config", ".dvc/plots"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command line in this copy, with this copy's own package."""
        paths = [str(self.folder / "workflow"), environment.pop("PYTHONPATH", "")]
        values = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, reversed(paths)))}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=values | self.environment | environment,
            capture_output=True,
            text=True,
        )

    def snakemake(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the study."""
        # What follows --configfile is taken for files up to the next option, so a target goes first.
        return self.run(
            "-m", "snakemake", *arguments, "--cores", "2", "--configfile", self.overlay, **environment
        )

    def crossmodal(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on the study."""
        start = "import sys; from crossmodal.cli import main; sys.argv[0] = 'crossmodal'; main()"
        return self.run("-c", start, command, "--study", Path(self.overlay).stem, *arguments)

    def stale(self, *arguments: str, **environment: str) -> set[str]:
        """Return the jobs that a run would execute now, as "rule wildcard-values"."""
        done = self.snakemake("--dry-run", *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", done.stdout, flags=re.MULTILINE)
        if not jobs:
            assert "Nothing to be done" in done.stdout + done.stderr, done.stdout + done.stderr
        return {f"{rule} {_wildcards(details)}".strip() for rule, details in jobs if rule != "all"}


def _wildcards(details: str) -> str:
    found = re.search(r"^    wildcards: (.*)$", details, flags=re.MULTILINE)
    pairs = [pair.split("=", 1) for pair in found[1].split(", ")] if found else []
    return " ".join(value for _, value in pairs)


def entry(rule: str) -> str:
    """Return the module that a rule's jobs run."""
    rooms = [room_rules(room) for room in registry.rooms()]
    return next(rules[rule].entry for rules in (RULES, *rooms) if rule in rules)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Project:
    """The tiny study, finished."""
    project = Project(tmp_path_factory.mktemp("project"), OVERLAY)
    finished(pytestconfig.cache.mkdir("tiny-study")).give(project.folder)
    return project


@pytest.fixture(scope="session")
def folder_for_dvc(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where DVC cannot write down where a folder of the tests is."""
    if not str(tmp_path_factory.getbasetemp()).isascii():
        pytest.skip("DVC's configuration holds ASCII only, and the temporary folder has another name")
