"""The command line as a user calls it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.statistics.numbers import Number, read_numbers, write_numbers
from crossmodal.statistics.published import write_published
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import load_study

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
    assert "epsilon: 0.0039215" in done.stdout, "1/255, resolved"
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
    assert missing.stderr.startswith("error: studies/nowhere.yaml: no such study; there are: params.yaml")
    assert missing.stderr.count("\n") == 1
    empty = crossmodal("hypotheses", "--study", "tiny", folder=workplace)
    assert empty.stderr.startswith("error: results/tiny/hypotheses.json: no such file")
    assert "studies with results: tiny" in empty.stderr and empty.stderr.count("\n") == 1
    nothing = crossmodal("numbers", "no/such/*", "--study", "tiny", folder=workplace)
    assert nothing.stderr.startswith("error: no number id matches 'no/such/*'")
    (workplace / "params.yaml").write_text("study: [")
    broken = crossmodal("params", folder=workplace)
    assert broken.stderr.startswith("error: params.yaml, line ") and broken.stderr.count("\n") == 1


def test_params_of_a_study_with_a_broken_record(workplace: Path) -> None:
    (workplace / "results/tiny/study.json").write_text(json.dumps({"study": "tiny", "sedes": [1]}))
    done = crossmodal("params", "--study", "tiny", folder=workplace)
    assert done.returncode == 1 and 'did you mean "seeds"?' in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[{", "not a readable JSON file"),
        ("", "not a readable JSON file"),
        ("[" * 100_000, "not a readable JSON file"),
        ("{}", "holds a dict, not a list"),
        ("[{}]", "not a table of hypotheses (lacks 'verdict')"),
        ("[3]", "not a table of hypotheses"),
        ('[{"id": "H1", "verdict": "proven"}]', "not a table of hypotheses (hypothesis H1: verdict 'proven'"),
        ('[{"id": "H1", "verdict": "refuted", "statement": "", "measured": "much"}]', "not a table"),
    ],
)
def test_broken_hypotheses_are_one_line(workplace: Path, content: str, problem: str) -> None:
    (workplace / "results/tiny/hypotheses.json").write_text(content)
    done = crossmodal("hypotheses", "--study", "tiny", folder=workplace)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: results/tiny/hypotheses.json: {problem}")
    assert done.stderr.endswith("; remove it and run again\n") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["numbers", "compare"])
def test_a_truncated_table_of_numbers_is_one_line(workplace: Path, command: str) -> None:
    path = workplace / "results/tiny/metrics.parquet"
    write_published(workplace / "published/tiny.parquet", read_numbers(path))
    path.write_bytes(path.read_bytes()[:-20])
    done = crossmodal(command, "--study", "tiny", folder=workplace)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: results/tiny/metrics.parquet: not a readable Parquet file")
    assert done.stderr.endswith("; remove it and run again\n") and done.stderr.count("\n") == 1


def test_a_record_of_another_study_is_refused(workplace: Path) -> None:
    record = workplace / "results/tiny/study.json"
    record.write_text(crossmodal_study())
    done = crossmodal("params", "--study", "tiny", folder=workplace)
    assert done.stderr == (
        "error: results/tiny/study.json: describes study emoji, not tiny; remove it and run again\n"
    )
    record.write_text(record.read_text()[:100])
    done = crossmodal("params", "--study", "tiny", folder=workplace)
    assert done.stderr.startswith("error: results/tiny/study.json: not a readable JSON file (")


def crossmodal_study() -> str:
    """Return what a run of the default study records of it."""
    return load_study(read_yaml(ROOT / "params.yaml"), {}).model_dump_json()


def test_version_names_the_commit_or_says_unknown(tmp_path: Path) -> None:
    assert crossmodal("version").stdout.startswith("crossmodal 0.1.0 (commit ")


def test_without_git_the_commit_is_unknown(tmp_path: Path) -> None:
    from crossmodal.provenance.git import head

    assert head(tmp_path) == ("unknown", None)
