"""A job of two processes: one writes, and whatever fails is said once."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.jobs import torchrun
from crossmodal.jobs.torchrun import _clear_lock

pytestmark = pytest.mark.slow

JOB = """
import os, signal, sys
from pathlib import Path
from crossmodal.errors import UserError
from crossmodal.jobs.run import Folder, In, Out, Spec, run
from crossmodal.training import distributed
from crossmodal.training.interruption import noticing_sigterm

def main(source: In, copy: Out, work: Folder, spec: Spec) -> None:
    fail, rank = spec["parameters"].get("fail"), distributed.rank()
    Path(f"took-part-{rank}").touch()
    if fail == "user in both":
        raise UserError("epsilon is too large: give at most 1")
    if fail == "user in one" and rank == 1:
        raise UserError("no room for process 1")
    if fail == "bug" and rank == 1:
        raise ZeroDivisionError("a bug")
    if fail == "killed" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if fail == "terminated":
        with noticing_sigterm() as interrupted:
            os.write(1, b"ready\\n")  # at once: two processes share the pipe
            while not interrupted():
                pass
        raise UserError("ended by SIGTERM")
    copy.write_text(source.read_text() + str(distributed.tell(10 + rank)))

run(main)
"""


@pytest.fixture
def start(tmp_path: Path):
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "a").write_text("a")

    def start(fail: str | None = None, **changes: str) -> subprocess.Popen[str]:
        spec = {
            "rule": "copy", "wildcards": {"cell": "x"}, "parameters": {"fail": fail},
            "seed": 3, "threads": 1, "code": {}, "environment": {},
        }  # fmt: skip
        values = {
            "source": "a",
            "copy": "out/copy",
            "work": "work",
            "manifest": "out/manifest.json",
        } | changes
        arguments = [f"{name}={value}" for name, value in values.items()]
        process = subprocess.Popen(
            [sys.executable, "-m", "crossmodal.jobs.torchrun", "2", "job", *arguments, f"spec={json.dumps(spec)}"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        )  # fmt: skip
        started.append(process)
        return process

    (tmp_path / "tmp").mkdir()
    started: list[subprocess.Popen[str]] = []
    yield start
    for process in started:
        if process.poll() is None:  # it ends its processes, which stand in sessions of their own
            process.terminate()
            process.wait(60)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_both_take_part_and_one_writes(start, tmp_path: Path) -> None:
    process = start()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err.splitlines()) == (0, "", ["copy {'cell': 'x'}"])
    assert (tmp_path / "out/copy").read_text() == "a10"
    assert {path.name for path in tmp_path.glob("took-part-*")} == {"took-part-0", "took-part-1"}
    assert files(tmp_path / "out") == ["copy", "manifest.json"] and not files(tmp_path / "tmp")


@pytest.mark.parametrize(
    ("fail", "line"),
    [
        ("user in both", "error: epsilon is too large: give at most 1"),
        ("user in one", "error: no room for process 1"),
        ("killed", "error: process 1 of the job was ended by SIGKILL (out of memory?)"),
    ],
)
def test_a_failure_ends_all_with_one_line(start, tmp_path: Path, fail: str, line: str) -> None:
    process = start(fail)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.splitlines() == ["copy {'cell': 'x'}", line]
    assert not files(tmp_path / "out") and not files(tmp_path / "tmp")


def test_a_bug_shows_where_it_is_once(start) -> None:
    process = start("bug")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.count("Traceback") == 1 and "ZeroDivisionError: a bug" in err and "in main" in err


def test_a_missing_input_is_one_line(start) -> None:
    process = start(source="nowhere")
    _, err = process.communicate(timeout=120)
    assert err.splitlines()[-1] == "error: nowhere: no such file; the job that writes it has not run"
    assert len(err.splitlines()) == 2


def test_sigterm_reaches_all(start, tmp_path: Path) -> None:
    process = start("terminated")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines() == ["copy {'cell': 'x'}", "error: ended by SIGTERM"]
    assert not files(tmp_path / "out")


def test_a_job_that_was_waited_for_and_is_done_ends_both(start, tmp_path: Path) -> None:
    first, second = start(), start()
    errors = [process.communicate(timeout=120)[1] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0]
    assert (tmp_path / "out/copy").read_text() == "a10"
    assert files(tmp_path / "out") == ["copy", "manifest.json"], errors


@pytest.mark.parametrize("arguments", [[], ["2"], ["two", "job"], ["0", "job"]])
def test_wrong_arguments_are_one_line(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as end:
        torchrun.main(arguments)
    assert (
        str(end.value)
        == "error: expected: python -m crossmodal.jobs.torchrun PROCESSES MODULE name=value ..."
    )


def test_the_lock_of_a_process_that_was_ended_goes_and_that_of_another_stays(tmp_path: Path) -> None:
    left, listed, held = (tmp_path / f".{name}.json.lock" for name in ("left", "listed", "held"))
    for path in (left, listed, held):
        path.touch()
    (tmp_path / "arguments.txt").write_text(f"seed=0\nmanifest={tmp_path / 'listed.json'}\n")
    with held.open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        _clear_lock([f"manifest={tmp_path / 'left.json'}", f"@{tmp_path / 'arguments.txt'}"])
        _clear_lock([f"manifest={tmp_path / 'held.json'}", f"manifest={tmp_path / 'none.json'}"])
    assert files(tmp_path) == [".held.json.lock", "arguments.txt"]
