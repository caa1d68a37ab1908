"""SIGKILL at random moments: a resumed study ends with the bytes of one that was never interrupted."""

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = int(os.environ.get("CROSSMODAL_KILLS", "20"))
BOUND = 60 * float(os.environ.get("CROSSMODAL_FAULTS_MINUTES", "26"))
"""Seconds after the session's start at which no further kill is begun."""
BEGAN = time.monotonic()
RAN: list[str] = []


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when, as a fraction of the uninterrupted run."""

    kind: str
    """`group`: Snakemake and its jobs; `job`: one job; `snakemake`: Snakemake alone, its jobs live on."""
    moment: float

    def __str__(self) -> str:
        return f"{self.kind}-{self.moment:.2f}"


def plan(count: int) -> list[Kill]:
    """Return `count` kills, the same in every session; of three in a row each is of another kind."""
    generator = random.Random(20)
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += generator.sample(("group", "job", "snakemake"), 3)
    return [Kill(kind, generator.random()) for kind in kinds[:count]]


@pytest.mark.parametrize("kill", plan(KILLS), ids=str)
def test_a_killed_study_is_resumed_to_the_same_bytes(kill: Kill, reference, fresh) -> None:
    if time.monotonic() - BEGAN > BOUND:
        pytest.skip(f"time bound of {BOUND / 60:.0f} minutes reached: {len(RAN)} of {KILLS} kills ran")
    process = fresh.start()
    try:
        process.wait(timeout=kill.moment * reference.seconds)
    except subprocess.TimeoutExpired:
        hit = HIT[kill.kind](fresh, process)
    else:
        hit = "nothing: the run ended before the moment came"
    orphans = fresh.jobs()
    print(f"{kill}: killed {hit}; {len(orphans)} job processes live on")
    assert kill.kind == "snakemake" or not orphans, "the group's end must be the end of its jobs"
    done = fresh.resume()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    gone, alive = psutil.wait_procs(orphans, timeout=120)
    assert not alive, f"{len(gone)} orphans ended, {len(alive)} did not"
    reference.assert_equal(fresh)
    RAN.append(str(kill))


def kill_group(project, process: subprocess.Popen) -> str:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    _, alive = psutil.wait_procs(project.processes(), timeout=60)
    assert not alive, "a process left the group"
    return "the process group"


def kill_snakemake(project, process: subprocess.Popen) -> str:
    process.kill()
    process.wait(timeout=60)
    return "Snakemake alone"


def kill_job(project, process: subprocess.Popen) -> str:
    """Kill the youngest job as soon as there is one; Snakemake reports it and lets the others finish."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            victim = max(project.jobs(), key=psutil.Process.create_time)
            name = victim.cmdline()[2]
            victim.kill()
        except (ValueError, IndexError, psutil.NoSuchProcess):  # none yet, or it has just ended
            time.sleep(0.02)
            continue
        process.wait(timeout=300)
        said = (project.folder / "run.log").read_text()
        # Where the job had already moved its outputs and was about to exit, the kill is not seen.
        assert process.returncode == 0 or "Error in rule" in said, said[-3000:]
        return f"{name}, Snakemake ended with {process.returncode}"
    process.wait(timeout=300)
    return "nothing: no job came any more"


HIT = {"group": kill_group, "snakemake": kill_snakemake, "job": kill_job}
