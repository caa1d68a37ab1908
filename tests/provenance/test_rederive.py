"""A scratch folder for deriving results again: it links to the user's own files, never to what jobs write."""

import os
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.provenance.rederive import named_paths, prepare

MADE = [Path("data/tiny"), Path("results/tiny")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has run, in a folder beside one of photographs."""
    project = tmp_path / "home" / "project"
    for folder in ("data/tiny", "results/tiny", "../photos/train", "own"):
        (project / folder).mkdir(parents=True)
    (project / "params.yaml").write_text("study: tiny\n")
    for file in ("../photos/train/a.jpg", "../photos/split.json", "own/b.json", "data/tiny/c.json"):
        (project / file).write_text(file)
    monkeypatch.chdir(project)
    return project


def test_files_and_folders_are_found_however_deep(project: Path) -> None:
    values = {
        "images": "../photos/train", "split_file": "../photos/split.json", "licence": "x" * 5000, "limit": None,
        "text": {"folder": "own", "sizes": [1, 2.5], "more": [{"file": "own/b.json"}]}, "kind": "karpathy",
    }  # fmt: skip
    assert named_paths(values, MADE) == {"../photos/train", "../photos/split.json", "own", "own/b.json"}


@pytest.mark.parametrize(
    "name",
    [".", "..", "data", "results", "data/tiny", "data/tiny/c.json", "../project/data", "none", "", "\0"],
)
def test_what_jobs_write_is_never_linked(project: Path, name: str) -> None:
    assert named_paths([name], MADE) == set()
    assert named_paths([str((project / "own").resolve())], MADE) == set(), "an absolute path needs no link"


def test_own_paths_are_where_the_jobs_look_for_them(project: Path, tmp_path: Path) -> None:
    own = [
        "../photos/train",
        "../photos/train/a.jpg",
        "../photos/split.json",
        "own/b.json",
        "own/../own/b.json",
    ]
    work = prepare(tmp_path / "scratch", [*own, "params.yaml", "/absolute"])
    for name in own:
        assert (work / os.path.normpath(name)).samefile(name)
    assert (work / "../photos/train/a.jpg").read_text() == "../photos/train/a.jpg"
    assert (work / "params.yaml").read_text() == "study: tiny\n" and not (work / "params.yaml").is_symlink()
    assert sorted(path.name for path in work.iterdir()) == ["own", "params.yaml"]
    assert sorted(path.name for path in Path("../photos").rglob("*")) == ["a.jpg", "split.json", "train"]


@pytest.mark.parametrize("name", ["../../../../../far", "../work"])
def test_what_cannot_be_linked_is_one_line(project: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"^{name}: .*give an absolute path$"):
        prepare(tmp_path / "scratch", [name])
