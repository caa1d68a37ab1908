"""Learning classes in a finished study, from few images and in sessions: nothing that is there is made again."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.e2e.conftest import Project

from crossmodal.parameters import merge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ADDED = {
    "datasets": {"digits": {"image_size": 32, "limit": 20, "min_images": 2, "min_val_images": 2}},
    "continual": {
        "dataset": "digits", "sessions": 2, "shots": 2, "prompts": ["{}"], "training": {"epochs": 1},
        "cells": {
            "lorsu": {"update": {"kind": "lorsu", "rank": 4, "heads": 1}},
            "lora": {"update": {"kind": "lora", "rank": 4, "matches": None}},
            "random": None, "lora-again": None,
        },
        "retention": {"datasets": []}, "random": None, "again": None,
    },
    "few_shot": {
        "sets": ["digits"], "shots": [1, 2], "validation_shots": 2, "views": 2, "prompts": ["{}"],
        "methods": {
            "clip-adapter": None, "tip-adapter": None, "prolip": None, "coop": {"steps": 2},
            "tip-adapter-f": {"epochs": 2}, "xmadapter": {"epochs": 2},
        },
        "elsewhere": None, "timing": {"set": "digits", "repeats": 3, "processes": 1},
    },
}  # fmt: skip
SECTIONS = [f"results/tiny/sections/{room}.json" for room in ("continual", "few_shot")]


@pytest.fixture(scope="module")
def learning(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study whose parameters have both rooms, nothing of them made yet."""
    folder = tmp_path_factory.mktemp("learning") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    path = folder / project.overlay
    values = {k: v for k, v in yaml.safe_load(path.read_text()).items() if k not in ("continual", "few_shot")}
    path.write_text(yaml.safe_dump(merge(values, ADDED), sort_keys=False))
    copy = Project.__new__(Project)
    copy.folder, copy.overlay, copy.environment = folder, project.overlay, {}
    return copy


def test_both_are_learnt_and_nothing_old_is_made_again(learning: Project) -> None:
    stale = learning.stale()
    sessions = {f"learn_session {cell} continual 0 {n}" for cell in ("lorsu", "lora") for n in (1, 2)}
    assert sessions | {"embed_classes base digits", "fit_classifiers base digits 0"} <= stale
    old = {"build_model base", "adapt_model full 0", "embed_target full 0", "number_cells"}
    assert not stale & old
    done = learning.snakemake(*SECTIONS)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for section, row in zip(SECTIONS, ("lorsu", "xmadapter"), strict=True):
        html = json.loads((learning.folder / section).read_text())["html"]
        assert re.search(rf'<th scope="row"[^>]*>{row}', html) and '<p class="empty">' not in html
    assert not set(
        filter(lambda job: job.split()[0] in ("learn_session", "fit_classifiers"), learning.stale())
    )


def test_a_session_that_is_lost_is_made_from_the_one_before(learning: Project) -> None:
    second = "results/tiny/continual/lorsu/continual/o0/2.safetensors"
    (learning.folder / second).unlink()
    stale = {job for job in learning.stale() if job.startswith("learn_session")}
    assert stale == {"learn_session lorsu continual 0 2"}
    assert learning.snakemake(second, *SECTIONS).returncode == 0


def test_the_code_of_one_kind_makes_what_it_made_stale(learning: Project) -> None:
    for module, expected in (
        ("updates/lorsu.py", {f"learn_session lorsu continual 0 {n}" for n in (1, 2)}),
        ("classifiers/prolip.py", set()),
        ("classifiers/xmadapter.py", {"fit_classifiers base digits 0", "time_classifiers 0"}),
    ):
        path = learning.folder / "workflow/crossmodal" / module
        text = path.read_text()
        path.write_text(text + "\n\nUNUSED = 1\n")
        try:
            work = ("learn_session", "fit_classifiers", "time_classifiers", "build_model", "adapt_model")
            assert {job for job in learning.stale() if job.split()[0] in work} == expected, module
        finally:
            path.write_text(text)


def test_more_shots_than_images_are_one_line_before_any_training(learning: Project) -> None:
    path: Path = learning.folder / learning.overlay
    text = path.read_text()
    path.write_text(text.replace("- 1\n  - 2\n", "- 1\n  - 50\n"))
    try:
        done = learning.snakemake("results/tiny/evaluation/few_shot/base/digits/0/answers.parquet")
        told = "fewer than the 50 that are asked for, and 9 more classes are short of it"
        assert done.returncode != 0 and told in done.stdout + done.stderr
    finally:
        path.write_text(text)
