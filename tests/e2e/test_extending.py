"""The examples of docs/extending.md, written to the files that they are titled with and run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.e2e.conftest import ROOT, Project

from crossmodal.parameters import merge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
OVERLAY = "studies/extended.yaml"
RUNS = ("zero-shot 0", "full 0", "lora-r8-pgd 0")
NEW_RUNS = ("full-square 0", "norms 0")


def blocks() -> list[tuple[str, str]]:
    """Return the path and the text of each block that has a title."""
    return BLOCK.findall((ROOT / "docs" / "extending.md").read_text())


def test_the_examples_are_formatted_as_our_code_is(tmp_path: Path) -> None:
    for name, text in blocks():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            path.write_text(text)
    config = ("--config", str(ROOT / "pyproject.toml"))
    for check in (["check", *config], ["format", "--check", *config]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, str(tmp_path)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def extended(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study with all examples written into it, not yet run."""
    folder = tmp_path_factory.mktemp("extended") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    copy = Project.__new__(Project)
    copy.folder, copy.overlay, copy.environment = folder, project.overlay, {}
    overlay: dict = {}
    for name, text in blocks():
        path = folder / name
        if name == OVERLAY:
            overlay = merge(overlay, yaml.safe_load(text))
            continue
        assert not path.exists(), f"{name}: an example is a new file, not an edit"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / OVERLAY).write_text(yaml.safe_dump(overlay, sort_keys=False))
    return copy


def test_new_kinds_and_an_experiment_make_nothing_old_stale(extended: Project) -> None:
    assert extended.stale() == set(), "what no study names is in no spec"


def test_the_examples_run_and_only_what_names_them_is_made(extended: Project) -> None:
    copy = Project.__new__(Project)
    copy.folder, copy.environment = extended.folder, {}
    merged = merge(
        yaml.safe_load((extended.folder / extended.overlay).read_text()),
        yaml.safe_load((extended.folder / OVERLAY).read_text()),
    )
    (extended.folder / "studies/tiny.yaml").write_text(yaml.safe_dump(merged, sort_keys=False))
    copy.overlay = "studies/tiny.yaml"
    numbers = {
        f"number_{room}" for room in ("cells", "peft", "robustness", "search", "scale", "probes", "agreement")
    }
    drawn = {f"draw_{room}" for room in ("peft", "robustness", "search", "scale", "probes", "agreement")}
    expected = {
        "record_study", "join_numbers", "write_report", *numbers, *drawn,
        "build_dataset blocks", "build_model square", "shift_dataset posterise-4 outlines test",
        "evaluate_attacks lora-r8-pgd 0", "number_search",
        *(f"build_index lora-r8-pgd 0 {gallery} sq8 {run}" for gallery in ("own", "mixed") for run in (0, 1)),
        *(f"{rule} lora-r8-pgd 0 {i}" for rule in ("answer_queries", "time_searches") for i in (0, 1)),
        *(f"{rule}_domains {run}" for rule in ("embed", "evaluate") for run in (*RUNS, *NEW_RUNS)),
        *(f"{rule}_shifted {run}" for rule in ("embed", "evaluate") for run in (*RUNS, *NEW_RUNS)),
        *(f"{rule}_target {run}" for rule in ("embed", "evaluate") for run in NEW_RUNS),
        *(f"adapt_model {run}" for run in NEW_RUNS),
    }  # fmt: skip
    assert copy.stale() == expected
    done = copy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    audited = copy.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout[-3000:]
    found = copy.crossmodal("numbers").stdout
    for name in (
        "peft/norms/s0/outlines/test/clean/text_to_image/recall@1",
        "peft/full-square/s0/blocks/test/clean/text_to_image/recall@1",
        "robustness/full/s*/outlines/test/posterise-4/mean/degradation_recall@1",
        "attack/lora-r8-pgd/s0/outlines/test/noise-8of255/image_to_text/recall@1",
        "search/lora-r8-pgd/s*/outlines/test/sq8@mixed/text_to_image/latency_p50",
        "agreement/lora-r8-pgd/s0/outlines/test/clean/mean/both_right",
    ):
        assert name in found
    page = (copy.folder / "results/tiny/report/index.html").read_text()
    assert "Do two cells answer the same queries?" in page and "Answered by both" in page
