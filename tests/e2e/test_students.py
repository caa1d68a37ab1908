"""Students in a finished study: of its base model and of one of its cells, made without touching what is there."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.e2e.conftest import Project

from crossmodal.parameters import merge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STUDENT = {"kind": "distilled", "teacher": "base", "datasets": ["crowd"], "training": {"epochs": 1}}
ADDED = {
    "datasets": {
        "textures": {
            "kind": "shapes", "n": 60, "image_size": 32, "seed": 3, "style": "textured",
            "split": {"train": 0.0, "val": 0.0, "test": 1.0},
        }
    },
    "models": {
        "half": STUDENT | {"image": {"layers": 1, "width": 32}, "embed_dim": 32, "validation": "outlines"},
        "fine": STUDENT | {"cell": "full", "largest_share": 0.8},
    },
    "adaptation": {
        "cells": {
            f"zero-{name}": {"method": {"kind": "zero_shot"}, "model": name, "seeds": [0]}
            for name in ("half", "fine")
        }
    },
    "zero_shot": {
        "domains": ["textures"], "cell": "lora-r8-pgd", "baseline": "zero-shot",
        "students": {"half": {"cells": ["zero-half"]}, "student": None},
    },
    "encoders": {
        "cells": ["zero-shot", "zero-half"], "cell": "zero-half", "reference": "zero-shot", "beside": ["full"],
        "processes": 2, "repeats": 3, "batch_size": 8, "batch_repeats": 2,
    },
}  # fmt: skip
SHIFTED = {f"{rule}_shifted zero-half 0" for rule in ("embed", "evaluate")}


@pytest.fixture(scope="module")
def taught(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study whose parameters have two students, not yet made."""
    folder = tmp_path_factory.mktemp("taught") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    path = folder / project.overlay
    path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), ADDED), sort_keys=False))
    copy = Project.__new__(Project)
    copy.folder, copy.overlay, copy.environment = folder, project.overlay, {}
    return copy


def card(project: Project, name: str) -> dict:
    return json.loads((project.folder / f"results/tiny/models/{name}/card.json").read_text())


def test_students_are_made_and_nothing_old_is_made_again(taught: Project) -> None:
    stale = taught.stale()
    assert {
        "distil_model half",
        "distil_model fine",
        "adapt_model zero-half 0",
        "embed_target zero-fine 0",
    } <= stale
    old = {"build_model base", "adapt_model full 0", "adapt_model lora-r8-pgd 0", "embed_target full 0"}
    assert not stale & old and not any(job.startswith("cut_text_tower") for job in stale)
    queries = "results/tiny/evaluation/retrieval/zero-fine/s0/outlines/test/clean/queries.parquet"
    sections = [f"results/tiny/sections/{room}.json" for room in ("zero_shot", "encoders")]
    done = taught.snakemake(queries, *sections)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for section in sections:
        html = json.loads((taught.folder / section).read_text())["html"]
        assert re.search(r'<th scope="row"[^>]*>(zero-)?half', html) and '<p class="empty">' not in html
    assert (
        card(taught, "half")["share"]["without_token_table"] < 0.55 and card(taught, "fine")["cell"] == "full"
    )
    assert not any("distil_model" in job or "zero-half 0" in job for job in taught.stale() - SHIFTED)
    assert not list(Path(taught.folder, "results/tiny").glob("checkpoints/half/*"))


def test_an_edit_of_a_loss_makes_students_stale_and_no_teacher(taught: Project) -> None:
    path = taught.folder / "workflow/crossmodal/training/distillation_losses.py"
    before = path.read_text()
    path.write_text(before.replace("temperature**2", "temperature"))
    stale = taught.stale()
    path.write_text(before)
    assert {"distil_model half", "distil_model fine", "adapt_model zero-half 0"} <= stale
    assert not stale & {"build_model base", "adapt_model full 0"}


def test_a_teacher_that_is_none_is_one_line(taught: Project) -> None:
    path = taught.folder / taught.overlay
    before = path.read_text()
    path.write_text(before.replace("teacher: base", "teacher: bass"))
    done = taught.snakemake("--dry-run")
    path.write_text(before)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        'models.half.teacher: got "bass", which is no model; did you mean "base"' in done.stdout + done.stderr
    )
