"""A workflow of a few jobs that take no time, run by Snakemake with the console."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
SNAKEFILE = """
rule all:
    input:
        expand("results/x/eval/{cell}/manifest.json", cell=["full", "lora"]),

rule adapt:
    output:
        weights="results/x/adapt/{cell}/weights",
        manifest="results/x/adapt/{cell}/manifest.json",
    log:
        "logs/{cell}.log",
    shell:
        "(echo epoch 1; if test ! -e allowed -a {wildcards.cell} = lora; then echo error: no luck; exit 3; fi;"
        " touch {output}) > {log} 2>&1"

rule evaluate:
    input:
        rules.adapt.output.weights,
    output:
        "results/x/eval/{cell}/manifest.json",
    shell:
        "sleep ${{NAP:-0}}; touch {output}"
"""


class Workflow:
    """A folder with a Snakefile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        paths = [str(WORKFLOW), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake where there is no terminal."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )

    def logged(self) -> str:
        """Return Snakemake's newest log file."""
        return max((self.folder / ".snakemake/log").iterdir()).read_text()


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(tmp_path / "a folder")


@pytest.fixture
def ledger_line() -> Callable[..., str]:
    """Return a function that writes a line of ledger.jsonl, with what the console reads of it."""

    def line(manifest: str, rule: str, seconds: float, threads: int = 1) -> str:
        ended = f"2026-01-01T00:{int(seconds) // 60:02}:{seconds % 60:06.3f}+00:00"
        entry = {
            "manifest": manifest, "rule": rule, "started": "2026-01-01T00:00:00+00:00", "ended": ended,
            "spec": {"threads": threads},
        }  # fmt: skip
        return json.dumps(entry) + "\n"

    return line
