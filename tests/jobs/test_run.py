"""How jobs are run: arguments, outputs that appear whole or not at all, manifests, errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.provenance.digests import md5

JOB = """
from crossmodal.errors import UserError
from crossmodal.jobs.run import Folder, In, Ins, Out, Outs, Spec, Timed, run

def main(source: In, others: Ins, copy: Out, second: Timed, copies: Outs, work: Folder, spec: Spec) -> None:
    copy.write_bytes(source.read_bytes() + b"".join(p.read_bytes() for p in others))
    work.mkdir(parents=True, exist_ok=True)
    (work / "checkpoint").write_text("half")
    if spec["parameters"].get("fail") == "user":
        raise UserError("epsilon is too large: give at most 1")
    if spec["parameters"].get("fail") == "bug":
        raise ZeroDivisionError("a bug")
    second.write_text("second")
    for path, other in zip(copies, others, strict=True):
        path.write_bytes(other.read_bytes())

run(main)
"""


@pytest.fixture
def job(tmp_path: Path):
    script = tmp_path / "job.py"
    script.write_text(JOB)
    for name in "abc":
        (tmp_path / name).write_text(name)

    def start(
        parameters: dict, *extra: str, source: str = "a", file: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the job; with `file` its arguments go through a file of that name."""
        spec = {
            "rule": "copy", "wildcards": {"cell": "x"}, "parameters": parameters,
            "seed": 3, "threads": 1, "code": {}, "environment": {},
        }  # fmt: skip
        arguments = [
            f"source={source}", "others=", "b", "c", "copy=out/copy", "second=out/second",
            "copies=", "out/of-b/copy", "out/of-c/copy",
            "work=work", "manifest=out/manifest.json", f"spec={json.dumps(spec)}", *extra,
        ]  # fmt: skip
        if file:
            (tmp_path / file).write_text("".join(f"{argument}\n" for argument in arguments))
            arguments = [f"@{file}"]
        return subprocess.run(
            [sys.executable, str(script), *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    return start


def test_outputs_and_manifest(job, tmp_path: Path) -> None:
    done = job({})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/copy").read_text() == "abc"
    assert "goes on from" not in done.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["rule"] == "copy" and manifest["seed"] == 3 and manifest["wildcards"] == {"cell": "x"}
    assert manifest["outputs"]["copy"] == [
        {"path": "out/copy", "md5": md5(tmp_path / "out/copy"), "bytes": 3}
    ]
    assert manifest["outputs"]["second"][0]["timed"] is True
    assert [entry["path"] for entry in manifest["outputs"]["copies"]] == ["out/of-b/copy", "out/of-c/copy"]
    assert [(tmp_path / f"out/of-{name}/copy").read_text() for name in "bc"] == ["b", "c"]
    assert [entry["path"] for entry in manifest["inputs"]["others"]] == ["b", "c"]
    assert manifest["inputs"]["source"][0]["md5"] == md5(tmp_path / "a")
    assert "resumed_from" not in manifest, "there was nothing to go on from"
    assert manifest["device"] == "cpu" and manifest["peak_memory_bytes"] > 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "copy", "manifest.json", "of-b", "of-c", "second",
    ]  # fmt: skip
    assert not (tmp_path / "work").exists(), "checkpoints go once the result is safe"


def test_arguments_in_a_file_are_those_of_the_command_line(job, tmp_path: Path) -> None:
    def result() -> dict:
        manifest = json.loads((tmp_path / "out/manifest.json").read_text())
        return {key: manifest[key] for key in ("spec", "inputs", "outputs")}

    assert job({"text": "a = b\n@c"}).returncode == 0
    before = result()
    done = job({"text": "a = b\n@c"}, file="arguments of a job.txt")
    assert done.returncode == 0, done.stderr
    assert result() == before


def test_arguments_that_are_too_many_for_a_command_line(job, tmp_path: Path) -> None:
    """One argument holds 131,072 bytes; a file holds more."""
    done = job({"text": "x" * 200_000}, file="arguments.txt")
    assert done.returncode == 0, done.stderr
    with pytest.raises(OSError, match="Argument list too long"):
        job({"text": "x" * 200_000})


def test_arguments_that_were_changed_are_refused(job, tmp_path: Path) -> None:
    """The workflow names such a file after its content: what ran would not be what it asked for."""
    done = job({}, file="copy-0123456789abcdef.txt")
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    assert done.stderr == (
        "error: copy-0123456789abcdef.txt: the job's arguments were changed; run the study again\n"
    )
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    done = job({}, "@binary.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("error: binary.txt: the job's arguments cannot be read (it is no text)")


def test_a_missing_file_of_arguments_is_one_line(job, tmp_path: Path) -> None:
    for module in ("crossmodal.jobs.record_study", "crossmodal.jobs.build_dataset"):
        done = subprocess.run(
            [sys.executable, "-m", module, "@jobs/gone.txt"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "error: jobs/gone.txt: the job's arguments cannot be read (No such file or directory);"
            " run the study again\n"
        )


@pytest.mark.parametrize("fail", ["user", "bug"])
def test_a_failed_job_leaves_no_output_but_its_checkpoints(job, tmp_path: Path, fail: str) -> None:
    done = job({"fail": fail})
    assert done.returncode == 1
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []
    assert list((tmp_path / "work").rglob("checkpoint")), "an interruption must not lose the checkpoint"
    if fail == "user":
        assert done.stderr.strip().splitlines()[-1] == "error: epsilon is too large: give at most 1"
        assert "Traceback" not in done.stderr
    else:
        assert "Traceback" in done.stderr, "a bug shows where it is"


def test_a_job_that_goes_on_from_something_kept_says_so(job, tmp_path: Path) -> None:
    assert job({"fail": "user"}).returncode == 1
    (folder,) = (tmp_path / "work").iterdir()
    (folder / "features").mkdir()
    for name in ("features/b.npy", "a.pt"):
        (folder / name).write_text("kept")
    (tmp_path / "job.py").write_text(JOB.replace('== "user"', '== "never"'))
    done = job({"fail": "user"})
    assert done.returncode == 0, done.stderr
    assert "goes on from what an interrupted run kept: a.pt, checkpoint, features/b.npy\n" in done.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["resumed_from"] == ["a.pt", "checkpoint", "features/b.npy"]
    assert not (tmp_path / "work").exists()


def test_a_failed_job_leaves_older_outputs_alone(job, tmp_path: Path) -> None:
    assert job({}).returncode == 0
    assert job({"fail": "user"}).returncode == 1
    assert (tmp_path / "out/copy").read_text() == "abc"


def test_missing_input_and_arguments_are_one_line(job) -> None:
    assert job({}, source="nowhere").stderr.splitlines()[-1] == (
        "error: nowhere: no such file; the job that writes it has not run"
    )
    done = subprocess.run(
        [sys.executable, "-m", "crossmodal.jobs.record_study", "spec={}"], capture_output=True, text=True
    )
    assert done.stderr.strip() == "error: missing arguments: study, manifest"


def test_remains_of_a_killed_job_are_removed(job, tmp_path: Path) -> None:
    import socket

    remains = tmp_path / "out" / f".partial-{socket.gethostname()}-{2**22 + 1}"
    remains.mkdir(parents=True)
    (remains / "copy").write_text("half")
    assert job({}).returncode == 0
    assert not remains.exists()
