"""A real Slurm on loopback, and the tiny study: finished here, and run as jobs of that Slurm that get killed."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiny_study import OVERLAY, copy_sources, finished

TOY = (
    "--workflow-profile", "profiles/slurm", "--cores", "2", "--resources", "mem_mb=8000", "gpu=2",
    "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "4",
    "--latency-wait", "10",
)  # fmt: skip
"""The profile as it is, fitted to nodes of two cores and to a Slurm without an accounting database."""


class Slurm:
    """The running cluster."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"], "/usr/sbin"])
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"), "SLURM_TEST_PORT": str(port), "PATH": path,
        }  # fmt: skip

    def script(self, action: str) -> None:
        """Start or stop all daemons."""
        command = [str(Path(__file__).with_name("cluster.sh")), action, str(self.folder)]
        subprocess.run(command, env=self.environment, check=True, timeout=120)

    def jobs(self, of: str) -> list[tuple[str, str, str, str]]:
        """Return number, state, memory and GPUs of the submissions of a rule and its wildcards."""
        fields = "jobid:|,state:|,minmemory:|,tres-per-job:|,comment:"
        listed = subprocess.run(
            ["squeue", "-h", "-t", "all", "--sort", "i", "-O", fields],
            env=self.environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        rows = [line.split("|") for line in listed.splitlines()]
        return [(row[0], row[1], row[2], row[3]) for row in rows if row[4].startswith(of)]

    def cancel(self, job: str) -> None:
        subprocess.run(["scancel", job], env=self.environment, check=True)


class Project:
    """A copy of the repository with the tiny study."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment | {"PYTHONPATH": str(folder / "workflow")}
        copy_sources(folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command line in the project to its end."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake on the study; what it says goes to snakemake.log."""
        # What follows --configfile is taken for files up to the next option, so a target goes first.
        with (self.folder / "snakemake.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *arguments, "--configfile", OVERLAY],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return (self.folder / "snakemake.log").read_text()


@dataclass(frozen=True)
class Runs:
    """The study, finished here and on the cluster, and what happened on the way."""

    here: Project
    there: Project
    slurm: Slurm
    failed: int
    """Exit status of the run on the cluster that had a job killed and no retries."""


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes], project: Project) -> None:
    """Wait until something holds; fail where the process ends before or it takes minutes."""
    end = time.monotonic() + 300
    while not holds():
        assert process.poll() is None and time.monotonic() < end, project.said[-5000:]
        time.sleep(0.1)


def kill_job(cell: str, process: subprocess.Popen[bytes], project: Project, slurm: Slurm) -> None:
    """Cancel the Slurm job that adapts a cell once the job itself is at work."""
    rule = f"rule_adapt_model_wildcards_{cell}_0"
    log = project.folder / f"results/tiny/logs/adaptation/{cell}-s0.log"
    before = log.stat().st_mtime_ns if log.exists() else 0

    def at_work() -> bool:
        running = any(state == "RUNNING" for _, state, *_ in slurm.jobs(rule))
        return running and log.exists() and log.stat().st_size > 0 and log.stat().st_mtime_ns > before

    until(at_work, process, project)
    slurm.cancel(slurm.jobs(rule)[-1][0])


def free_port() -> int:
    """Return a port that is free, with the two after it, for the controller and its two nodes."""
    for port in range(26817, 27817, 3):
        with ExitStack() as opened:
            try:
                for number in range(port, port + 3):
                    opened.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            return port
    raise AssertionError("no free ports")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    if missing := [name for name in ("slurmctld", "slurmd", "sbatch") if not shutil.which(name, path=path)]:
        pytest.skip(f"no {', '.join(missing)} here (Debian packages slurmctld, slurmd, slurm-client)")
    if os.geteuid() != 0:
        pytest.skip("starting Slurm's daemons needs root")
    slurm = Slurm(tmp_path_factory.mktemp("slurm"), free_port())
    try:
        slurm.script("start")
        yield slurm
    finally:
        slurm.script("stop")


@pytest.fixture(scope="session")
def runs(
    slurm: Slurm, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Runs]:
    """Run the study, with two jobs killed, on the cluster, where its jobs ask for GPUs."""
    folder = tmp_path_factory.mktemp("projects")
    here = Project(folder / "here", dict(os.environ))
    finished(pytestconfig.cache.mkdir("tiny-study")).give(here.folder)
    there = Project(folder / "there", slurm.environment)
    with (there.folder / OVERLAY).open("a") as overlay:
        overlay.write("\ncompute: {gpus_per_job: 1}\n")
    processes = []
    try:
        trained = "results/tiny/adaptation/lora-r8-pgd/s0/manifest.json"
        processes.append(there.start(trained, *TOY, "--retries", "0"))
        kill_job("lora-r8-pgd", processes[-1], there, slurm)
        failed = processes[-1].wait(timeout=300)
        assert not (there.folder / trained).exists()
        processes.append(there.start(*TOY))
        kill_job("full", processes[-1], there, slurm)
        assert processes[-1].wait(timeout=900) == 0, there.said[-5000:]
        yield Runs(here, there, slurm, failed)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=120)
