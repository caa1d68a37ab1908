"""Who works here and at which commit: as git knows it, without git, and where nobody told git."""

import os
import subprocess
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.provenance.git import author, changes, head


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody told git who works here; the address is what git makes up of the login and the machine's name."""
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # this repository's own configuration may hold a name
    monkeypatch.setenv("EMAIL", "root@machine-7.example.org")


def test_the_author_is_who_git_says() -> None:
    assert author() == "Ada <ada@example.org>"


def test_nobody_is_one_line_that_says_how_to_tell_git(nobody: None) -> None:
    with pytest.raises(UserError, match=r"git config --global user\.name") as caught:
        author()
    assert "\n" not in str(caught.value)


def test_what_differs_from_the_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    assert head(tmp_path) == ("unknown", None)
    with pytest.raises(UserError, match="not a git repository"):
        changes(tmp_path)
    git("init")
    (tmp_path / "a.txt").write_text("a")
    git("add", "--all")
    git("commit", "--message", "One file")
    commit, dirty = head(tmp_path)
    assert len(commit) == 40 and dirty is False and changes(tmp_path) == []
    (tmp_path / "a.txt").write_text("b")
    (tmp_path / "untracked.txt").write_text("c")
    assert head(tmp_path) == (commit, True) and changes(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_told_not_to_look_at_is_a_change(tmp_path: Path, flag: str) -> None:
    (tmp_path / "a b.txt").write_text("a")
    for command in (
        ["init"],
        ["add", "--all"],
        ["commit", "--message", "x"],
        ["update-index", flag, "a b.txt"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)
    (tmp_path / "a b.txt").write_text("b")
    assert changes(tmp_path) == ["a b.txt"] and head(tmp_path)[1] is True


def test_a_source_that_no_commit_has_is_a_change(tmp_path: Path) -> None:
    """A study, a module or a configuration that only this folder has: the commit would not name the state."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".git/info/exclude").write_text("hidden.py\n*.pyc\n")
    made = ["workflow/p/__pycache__/m.cpython-312.pyc", "workflow/p.egg-info/PKG-INFO", "results/x/a.json"]
    new = ["workflow/p/ü m.py", "workflow/p/hidden.py", "workflow/p/m.pyc", "studies/mine.yaml", "Snakefile"]
    for name in (*made, *new):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert sorted(changes(tmp_path)) == sorted(new)
