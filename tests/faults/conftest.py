"""A finished tiny study, copies of it to break, and fresh copies to kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossmodal import registry
from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest
from crossmodal.statistics.numbers import Number, read_numbers
from crossmodal.study.rules import RULES, room_rules
from tiny_study import OVERLAY, ROOT, SOURCES
from tiny_study import finished as finished_study

STATED = ("value", "ci_low", "ci_high", "n_queries", "unit", "source")


def entry(rule: str) -> str:
    """Return the module that a rule's jobs run."""
    rooms = [room_rules(room) for room in registry.rooms()]
    return next(rules[rule].entry for rules in (RULES, *rooms) if rule in rules)


class Project:
    """A copy of the repository with the tiny study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A test of faults must not see the packages that another copy's path would shadow.
        self.environment = os.environ | {"PYTHONPATH": str(folder / "workflow")}

    @classmethod
    def of_sources(cls, source: Path, folder: Path) -> "Project":
        """Return a project without any results."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in SOURCES:
            copy: Callable = shutil.copytree if (source / name).is_dir() else shutil.copy2
            copy(source / name, folder / name)
        return cls(folder)

    def command(self, *arguments: str) -> list[str]:
        # What follows --configfile is taken for files up to the next option, so a target goes first.
        return [
            sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", OVERLAY,
        ]  # fmt: skip

    def run(self, command: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project to its end."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environment | extra, capture_output=True, text=True
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.command(*arguments))

    def start(self, *arguments: str, log: str = "run.log") -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own; what it says goes to `log` in the project."""
        with (self.folder / log).open("wb") as file:
            return subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def resume(self) -> subprocess.CompletedProcess[str]:
        """Go on as a user does after a crash: unlock, then the same command again."""
        unlocked = self.snakemake("--unlock")
        assert unlocked.returncode == 0, unlocked.stderr
        return self.snakemake()

    def audit(self) -> subprocess.CompletedProcess[str]:
        return self.run([sys.executable, "-m", "crossmodal.cli", "audit", "--all", "--study", "tiny"])

    def job(self, manifest: str, folder: Path, **places: str) -> subprocess.CompletedProcess[str]:
        """Repeat the job of `manifest` by hand with its outputs in `folder`; `places` replace arguments."""
        recorded = read_manifest(self.folder / manifest)
        arguments = {name: [e["path"] for e in listed] for name, listed in recorded["inputs"].items()}
        arguments |= {
            name: [str(folder / f"{name}-{i}-{Path(e['path']).name}") for i, e in enumerate(listed)]
            for name, listed in recorded["outputs"].items()
        }
        arguments |= {name: [value] for name, value in places.items()}
        command = [sys.executable, "-m", entry(recorded["rule"])]
        for name, values in arguments.items():
            command += [f"{name}=", *values]
        command += [f"manifest={folder / 'manifest.json'}", f"spec={json.dumps(recorded['spec'])}"]
        return self.run(command, OMP_NUM_THREADS="1")

    def manifests(self) -> dict[str, dict[str, Any]]:
        found = [p for top in ("data", "results") for p in (self.folder / top).rglob("*manifest.json")]
        return {str(path.relative_to(self.folder)): read_manifest(path) for path in sorted(found)}

    def digests(self) -> dict[str, str]:
        """Return the digest of every file of the study but the logs."""
        files = [p for top in ("data", "results") for p in (self.folder / top).rglob("*") if p.is_file()]
        names = {str(path.relative_to(self.folder)): path for path in files}
        return {name: md5(path) for name, path in names.items() if "/logs/" not in name}

    def numbers(self) -> dict[str, Number]:
        return {n.number_id: n for n in read_numbers(self.folder / "results/tiny/metrics.parquet")}

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work in this project."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()) == self.folder and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def jobs(self) -> list[psutil.Process]:
        """Return the processes that do a job (not the shells around them)."""
        found = []
        for process in self.processes():
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            if line[1:2] == ["-m"] and line[2].startswith(("crossmodal.jobs.", "crossmodal.experiments.")):
                found.append(process)
        return found


@dataclass
class Reference:
    """An uninterrupted run and what must be the same after any other."""

    project: Project
    seconds: float
    stable: dict[str, str] = field(default_factory=dict)
    """Digests of the outputs that hold no measured time and come from none."""
    numbers: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """What metrics.parquet says of the numbers that come from no timed file, by id."""

    def __post_init__(self) -> None:
        manifests = self.project.manifests()
        timed, before = _timed(manifests), set()
        measured = set(timed)
        while timed != before:  # and all that comes from them
            before = set(timed)
            for manifest in manifests.values():
                if any(e["path"] in timed for listed in manifest["inputs"].values() for e in listed):
                    timed |= {e["path"] for listed in manifest["outputs"].values() for e in listed}
        for manifest in manifests.values():
            entries = [e for listed in manifest["outputs"].values() for e in listed]
            self.stable |= {e["path"]: e["md5"] for e in entries if e["path"] not in timed}
        self.numbers = {
            name: tuple(getattr(number, key) for key in STATED)
            for name, number in self.project.numbers().items()
            if number.source and not measured & set(number.source.split(";"))
        }
        assert len(self.stable) > 50 and len(self.numbers) > 500 and measured

    def assert_equal(self, project: Project) -> None:
        """Check that `project` is finished, has the same bytes and numbers, audits clean, and is tidy."""
        found = project.digests()
        assert {path: found.get(path) for path in self.stable} == self.stable
        numbers = project.numbers()
        assert {name: tuple(getattr(numbers[name], key) for key in STATED) for name in self.numbers} == (
            self.numbers
        )
        audited = project.audit()
        assert audited.returncode == 0, audited.stdout + audited.stderr
        assert f"{len(self.project.manifests())} verified" in audited.stdout
        remains = [name for name in found if ".partial" in name or name.endswith((".lock", ".tmp"))]
        remains += [name for name in found if "/checkpoints/" in name]
        assert not remains, "nothing half-written may be left"


def _timed(manifests: dict[str, dict[str, Any]]) -> set[str]:
    entries = [e for m in manifests.values() for listed in m["outputs"].values() for e in listed]
    return {entry["path"] for entry in entries if entry.get("timed")}


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Reference:
    """The tiny study, run without a fault; no test may write into it."""
    project = Project.of_sources(ROOT, tmp_path_factory.mktemp("reference"))
    study = finished_study(pytestconfig.cache.mkdir("tiny-study"))
    study.give(project.folder)
    print(f"uninterrupted run: {study.seconds:.0f} s")
    return Reference(project, study.seconds)


@pytest.fixture
def finished(reference: Reference, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished study, times of files and Snakemake's records included, to be broken."""
    folder = tmp_path / "project"
    shutil.copytree(reference.project.folder, folder, symlinks=True)
    yield from _ended(Project(folder))


@pytest.fixture
def fresh(reference: Reference, tmp_path: Path) -> Iterator[Project]:
    """A copy of the same sources without results."""
    yield from _ended(Project.of_sources(reference.project.folder, tmp_path / "project"))


def _ended(project: Project) -> Iterator[Project]:
    yield project
    for process in project.processes():
        process.send_signal(signal.SIGKILL)
    shutil.rmtree(project.folder, ignore_errors=True)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that mounts; a test is skipped where that is not allowed."""
    mounted: list[Path] = []

    def run(*arguments: str, at: Path) -> Path:
        at.mkdir(exist_ok=True)
        if shutil.which("mount") is None:
            pytest.skip("there is no mount on this machine")
        done = subprocess.run(["mount", *arguments, str(at)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here ({done.stderr.strip()})")
        if at not in mounted:
            mounted.append(at)
        return at

    yield run
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that a job ended with one line for its user that has all of `words` in it."""
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "Traceback" not in done.stderr, done.stderr
    assert all(word in last for word in words), last


@pytest.fixture(scope="session")
def one_line() -> Callable[..., None]:
    return assert_one_line
