"""The arguments of a job in a file: named after its content, and no command line grows with the study."""

import json
import os
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.jobs.arguments import expand_files
from crossmodal.study.arguments import argument_lines, write_arguments

NAMED = {"train": ["a.parquet", "b.parquet"], "validation": [], "config": "config.json"}


def test_one_argument_a_line_and_the_spec_last() -> None:
    spec = json.dumps({"rule": "adapt_model", "parameters": {"text": "one\nline"}})
    lines = argument_lines(NAMED, spec).splitlines()
    assert lines == [
        "train=", "a.parquet", "b.parquet", "validation=", "config=config.json", f"spec={spec}",
    ]  # fmt: skip


def test_the_file_is_named_after_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "results/tiny/jobs"
    lines = argument_lines(NAMED, "{}")
    path = Path(write_arguments(folder, "adapt_model", lines))
    assert path.parent == folder and path.name.startswith("adapt_model-") and path.suffix == ".txt"
    assert path.read_text() == lines
    before = path.stat()
    assert write_arguments(folder, "adapt_model", lines) == str(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_ino == before.st_ino, "kept"
    assert list(folder.iterdir()) == [path], "nothing half-written is left"


@pytest.mark.parametrize("content", [b"", b"\xff", b"config=other.json\nspec={}\n"])
def test_a_file_that_says_something_else_is_written_anew(content: bytes, tmp_path: Path) -> None:
    lines = argument_lines(NAMED, "{}")
    path = Path(write_arguments(tmp_path, "rule", lines))
    path.write_bytes(content)
    assert write_arguments(tmp_path, "rule", lines) == str(path) and path.read_text() == lines


def test_what_the_workflow_writes_a_job_takes(tmp_path: Path) -> None:
    path = write_arguments(tmp_path, "rule", argument_lines(NAMED, "{}"))
    assert expand_files([f"@{path}"]) == Path(path).read_text().splitlines()
    Path(path).write_text(Path(path).read_text().replace("spec={}", 'spec={"seed":1}'))
    with pytest.raises(UserError, match="the job's arguments were changed"):
        expand_files([f"@{path}"])


@pytest.mark.parametrize(
    ("named", "spec"),
    [
        (NAMED | {"train": ["b.parquet", "a.parquet"]}, "{}"),
        (NAMED | {"train": [], "validation": ["a.parquet", "b.parquet"]}, "{}"),
        (NAMED | {"config": "other.json"}, "{}"),
        (NAMED, '{"seed":1}'),
    ],
    ids=["the order of inputs", "which argument a file is", "a file", "the spec"],
)
def test_what_changes_the_arguments_changes_the_name(named: dict, spec: str, tmp_path: Path) -> None:
    first = write_arguments(tmp_path, "rule", argument_lines(NAMED, "{}"))
    assert write_arguments(tmp_path, "rule", argument_lines(named, spec)) != first
    assert write_arguments(tmp_path, "other", argument_lines(NAMED, "{}")) != first
    assert len(list(tmp_path.iterdir())) == 3


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path) -> None:
    """The name is the same: a dry run in a folder that is read-only still finds what changed."""
    lines = argument_lines(NAMED, "{}")
    name = Path(write_arguments(tmp_path / "jobs", "rule", lines)).name
    (tmp_path / "file").touch()
    path = Path(write_arguments(tmp_path / "file", "rule", lines))  # no folder can be made in a file
    assert path.name == name and not os.path.lexists(path)


def test_processes_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Snakemake starts itself anew for each job of a cluster: all of them write what is not there yet."""
    from concurrent.futures import ProcessPoolExecutor

    lines = argument_lines({"train": [f"{i}.parquet" for i in range(20_000)]}, "{}")
    with ProcessPoolExecutor(4) as pool:
        paths = set(pool.map(write_arguments, [tmp_path] * 32, ["rule"] * 32, [lines] * 32))
    (path,) = paths
    assert Path(path).read_text() == lines and [p.name for p in tmp_path.iterdir()] == [Path(path).name]
