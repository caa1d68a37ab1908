""".ci/run gives the suite a newcomer's machine: no name for git, an empty home, a study in the folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = """#!/bin/sh
echo "== $*"
env | grep -E '^(HOME|GIT_|EMAIL|XDG_|PIP_CONFIG_FILE)' | sort
ls -A "$HOME"
ls results/emoji
git -c user.useConfigOnly=true var GIT_AUTHOR_IDENT || echo nobody
case "$*" in "$FAILS"*) exit 3 ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout as far as .ci/run needs it, with a `make` that only tells what it was started in."""
    folder = tmp_path / "it's a checkout"
    for name in (".ci/run", "tests/ci/stand_in.py"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / "published").mkdir()
    row = {"number_id": "peft/full/s*/openmoji/test/clean/mean/recall@1", "value": 0.2, "unit": "fraction"}
    pd.DataFrame([row | {"ci_low": 0.1, "ci_high": 0.3}]).to_parquet(folder / "published/emoji.parquet")
    (folder / "ledger.jsonl").touch()
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "tools").mkdir()
    programs = {f"tools/{name}": "#!/bin/sh\n" for name in ("chromedriver", "slurmctld")}
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    for name, text in (programs | {"tools/make": MAKE, ".venv/bin/python": python}).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def ci(checkout: Path, tmp_path: Path, fails: str = "nothing") -> subprocess.CompletedProcess[str]:
    home = tmp_path / "home"
    (home / ".config/pip").mkdir(parents=True, exist_ok=True)
    (home / ".config/pip/pip.conf").touch()
    mine = {"HOME": str(home), "GIT_AUTHOR_NAME": "Me", "EMAIL": "me@example.org", "XDG_CACHE_HOME": "/x"}
    path = {"PATH": f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}", "FAILS": fails}
    inherited = {name: value for name, value in os.environ.items() if name != "PIP_CONFIG_FILE"}
    return subprocess.run(
        [str(checkout / ".ci/run")], env=inherited | mine | path, capture_output=True, text=True
    )


def test_the_suite_runs_on_a_newcomers_machine(checkout: Path, tmp_path: Path) -> None:
    done = ci(checkout, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = {part.split("\n", 1)[0]: part for part in done.stdout.split("== ")[1:]}
    assert list(told)[:4] == ["setup", "lint", "test", "test-faults KILLS=3"]
    assert "nobody" not in told["setup"] and "metrics.parquet" not in told["setup"]
    for target in ("lint", "test", "test-faults KILLS=3"):
        lines = told[target].splitlines()
        assert {"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "nobody", "metrics.parquet"} <= set(
            lines
        )
        assert f"PIP_CONFIG_FILE={tmp_path}/home/.config/pip/pip.conf" in lines, "registries stay known"
        assert not [
            line for line in lines if line.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "EMAIL", "XDG"))
        ]
        assert f"HOME={tmp_path}/home" not in lines and ".config" not in lines
    assert not (checkout / "results/emoji").exists()


def test_a_failure_is_a_failure_and_leaves_no_stand_in(checkout: Path, tmp_path: Path) -> None:
    done = ci(checkout, tmp_path, fails="test")
    assert done.returncode == 3 and "== test-faults" not in done.stdout
    assert not (checkout / "results/emoji").exists()
