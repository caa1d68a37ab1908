"""The command line as a user calls it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.statistics.numbers import Number, write_numbers

ROOT = Path(__file__).resolve().parents[1]


def crossmodal(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "crossmodal"), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"}
    )


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with params.yaml and one finished study, `tiny`."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    results = tmp_path / "results" / "tiny"
    results.mkdir(parents=True)
    place = {"cell": "full", "seed": "0", "dataset": "openmoji", "split": "test", "variant": "clean"}
    common = {"experiment": "peft", "direction": "text_to_image", **place}
    numbers = [
        Number(metric="recall@1", value=0.25, ci_low=0.2, ci_high=0.3, n_queries=100, **common),
        Number(metric="recall@1_std", value=None, **common),
    ]
    write_numbers(results / "metrics.parquet", numbers)
    (results / "study.json").write_text("{}")
    return tmp_path


def test_params_prints_resolved_parameters_and_cells() -> None:
    done = crossmodal("params")
    assert done.returncode == 0, done.stderr
    assert "epsilon: 0.0313725" in done.stdout, "8/255, resolved"
    assert "cells of study emoji" in done.stdout
    assert "pgd_images + pgd_texts" in done.stdout


def test_numbers_of_a_study_by_glob(workplace: Path) -> None:
    done = crossmodal("numbers", "peft/full/*/recall@1", "--study", "tiny", folder=workplace)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "peft/full/s0/openmoji/test/clean/text_to_image/recall@1\t0.25 [0.2, 0.3]\tfraction\n"
    )
    everything = crossmodal("numbers", "--study", "tiny", folder=workplace).stdout
    assert "recall@1_std\tundefined\tfraction" in everything


def test_problems_are_one_line(workplace: Path) -> None:
    missing = crossmodal("numbers", "--study", "nowhere", folder=workplace)
    assert missing.returncode == 1 and missing.stdout == ""
    assert missing.stderr.startswith("error: results/nowhere/metrics.parquet: no such file")
    assert "studies with results: tiny" in missing.stderr and missing.stderr.count("\n") == 1
    nothing = crossmodal("numbers", "no/such/*", "--study", "tiny", folder=workplace)
    assert nothing.stderr.startswith("error: no number id matches 'no/such/*'")
    (workplace / "params.yaml").write_text("study: [")
    broken = crossmodal("params", folder=workplace)
    assert broken.stderr.startswith("error: params.yaml, line ") and broken.stderr.count("\n") == 1


def test_params_of_a_study_with_a_broken_record(workplace: Path) -> None:
    (workplace / "results/tiny/study.json").write_text(json.dumps({"study": "tiny", "sedes": [1]}))
    done = crossmodal("params", "--study", "tiny", folder=workplace)
    assert done.returncode == 1 and 'did you mean "seeds"?' in done.stderr and "Traceback" not in done.stderr


def test_version_names_the_commit_or_says_unknown(tmp_path: Path) -> None:
    assert crossmodal("version").stdout.startswith("crossmodal 0.1.0 (commit ")


def test_without_git_the_commit_is_unknown(tmp_path: Path) -> None:
    from crossmodal.provenance.git import head

    assert head(tmp_path) == ("unknown", None)
