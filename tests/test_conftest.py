"""What tests/conftest.py promises to every test, on machines that are unlike each other."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

COMMITS = """
import subprocess
from pathlib import Path

def test_a_commit(tmp_path):
    for command in (["init"], ["commit", "--allow-empty", "--message", "Nothing"], ["tag", "-a", "-m", "v", "v1"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert (tmp_path / ".git").is_dir()

def test_an_empty_home():
    assert list(Path.home().iterdir()) == []
"""

WRITES = """
from pathlib import Path

def test_a_result():
    Path("results/emoji").mkdir(parents=True, exist_ok=True)
    Path("results/emoji/metrics.parquet").write_text("numbers")
"""

HOSTILE = """\
[user]
    useConfigOnly = true
[commit]
    gpgSign = true
[tag]
    gpgSign = true
[gpg]
    program = false
[core]
    hooksPath = {hooks}
"""


@pytest.fixture
def pytest_of(tmp_path: Path):
    """Return a function that runs a test file in a project of its own, beside a copy of our conftest.py."""
    folder = tmp_path / "project"
    (folder / "tests").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "tests")
    shared = str(Path(__file__).with_name("shared"))

    def run(test: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (folder / "tests/test_it.py").write_text(test)
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "tests", "-p", "no:cacheprovider", *arguments],
            cwd=folder, env=os.environ | {"PYTHONPATH": shared} | environment, capture_output=True, text=True,
        )  # fmt: skip

    run.folder = folder  # type: ignore[attr-defined]
    return run


def test_a_users_git_does_not_matter(pytest_of, tmp_path: Path) -> None:
    """Not what is configured: signatures without a key and hooks that refuse."""
    home, hooks = tmp_path / "home", tmp_path / "hooks"
    home.mkdir()
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(HOSTILE.format(hooks=hooks))
    outside = {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "GIT_DIR": str(tmp_path)}
    done = pytest_of(COMMITS, **outside)
    assert done.returncode == 0, done.stdout


def test_no_git_identity_is_needed(pytest_of, tmp_path: Path) -> None:
    """Not what is absent either: nobody told git a name."""
    nobody = {f"GIT_{role}_{what}": "" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = pytest_of(COMMITS, HOME=str(tmp_path / "none"), **nobody)
    assert done.returncode == 0, done.stdout


def test_property_tests_have_no_clock() -> None:
    """A setting of a test would replace the profile's: none has a deadline or health checks of its own."""
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
    folder = Path(__file__).parent
    own = re.compile(r"@settings\(.*(deadline|suppress_health_check)")
    assert [str(path) for path in folder.rglob("test_*.py") if own.search(path.read_text())] == []


def test_a_test_that_changes_the_study_is_noticed(pytest_of) -> None:
    done = pytest_of(WRITES)
    assert done.returncode == 1 and "ERROR at teardown of test_a_result" in done.stdout
    assert "changed the user's study" in done.stdout and "results/emoji/metrics.parquet" in done.stdout
    (pytest_of.folder / ".snakemake/locks").mkdir(parents=True)
    (pytest_of.folder / ".snakemake/locks/0.input.lock").touch()
    done = pytest_of(WRITES)
    assert done.returncode == 0, "not a run of the user's beside the tests"
