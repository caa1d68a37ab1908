"""Two processes that do one job: the second waits, and does only what the first has not done."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

JOB = """
import time
from pathlib import Path
from crossmodal.jobs.run import In, Out, Spec, Timed, run

def main(source: In, copy: Out, measured: Timed, spec: Spec) -> None:
    with Path("began").open("a") as file:
        file.write("x")
    while not Path("go").exists():
        time.sleep(0.01)
    copy.write_bytes(source.read_bytes())
    measured.write_text(str(time.time_ns()))

run(main)
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "a").write_text("a")
    started: list[subprocess.Popen[str]] = []

    def run(epsilon: int = 1) -> subprocess.Popen[str]:
        spec = {
            "rule": "copy", "wildcards": {}, "parameters": {"epsilon": epsilon},
            "seed": 0, "threads": 1, "code": {}, "environment": {},
        }  # fmt: skip
        arguments = [
            "source=a", "copy=out/copy", "measured=out/measured", "manifest=out/manifest.json",
            f"spec={json.dumps(spec)}",
        ]  # fmt: skip
        with (tmp_path / f"log{len(started)}").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "job.py", *arguments], cwd=tmp_path, stderr=log, text=True
            )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait(timeout=60)


def begin(start: Callable[..., subprocess.Popen[str]], folder: Path, second: int = 1) -> tuple:
    """Start a job, and the same or another one for the same outputs once the first is at work."""
    first = start()
    until(lambda: (folder / "began").exists())
    other = start(second)
    until(lambda: f"waiting for process {first.pid} on " in (folder / "log1").read_text())
    return first, other


def began(folder: Path) -> int:
    return len((folder / "began").read_text())


def test_the_second_keeps_what_the_first_wrote(start, tmp_path: Path) -> None:
    processes = begin(start, tmp_path)
    (tmp_path / "go").touch()
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert began(tmp_path) == 1
    assert "its outputs are kept" in (tmp_path / "log1").read_text()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["copy", "manifest.json", "measured"]


def test_the_second_of_other_parameters_runs_after_the_first(start, tmp_path: Path) -> None:
    processes = begin(start, tmp_path, second=2)
    (tmp_path / "go").touch()
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert began(tmp_path) == 2
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["spec"]["parameters"] == {"epsilon": 2}
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_the_second_takes_over_when_the_first_is_killed(start, tmp_path: Path) -> None:
    first, second = begin(start, tmp_path)
    first.kill()
    first.wait(timeout=60)
    (tmp_path / "go").touch()
    assert second.wait(timeout=60) == 0
    assert began(tmp_path) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["copy", "manifest.json", "measured"]
