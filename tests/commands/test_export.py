"""`crossmodal export` on the embeddings of a study made for the test."""

import json
from itertools import product
from pathlib import Path

import pytest

from made_up_embeddings import write_test_embeddings


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return the name of a study that has embedded two datasets by two models; the test runs in its folder."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("study: small\n")
    for place, (cell, dataset) in enumerate(product(("full", "lora"), ("birds", "boats"))):
        folder = Path("results/small/embeddings", cell, "s0", dataset, "test/clean")
        write_test_embeddings(folder, f"of-{cell}", f"of-{dataset}", seed=place)
    return "small"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_run_of_each_model_and_direction_and_judgements_once(crossmodal, study):
    done = crossmodal("export", "--out", "runs", "--dataset", "birds")
    assert done.status == 0, done.err
    directions = ("image_to_text", "text_to_image")
    runs = [f"{cell}-s0-birds-{direction}.run" for cell in ("full", "lora") for direction in directions]
    assert names(Path("runs")) == sorted([*runs, *(f"birds-{direction}.qrels" for direction in directions)])
    lines = [line.split() for line in Path("runs/full-s0-birds-text_to_image.run").read_text().splitlines()]
    assert len(lines) == 12 * 6 and {len(line) for line in lines} == {6}
    assert [line[3] for line in lines[:6]] == list("123456") and lines[0][5] == "full-s0"
    judged = Path("runs/birds-text_to_image.qrels").read_text().splitlines()
    assert judged[:2] == ["captions-0 0 images-0 1", "captions-1 0 images-1 1"] and len(judged) == 12


def test_a_result_of_mteb_for_each_task_of_a_model(crossmodal, study):
    done = crossmodal("export", "--format", "mteb", "--out", "scores", "--cell", "lora")
    assert done.status == 0, done.err
    folder = Path("scores/crossmodal__small-lora-s0/of-lora")
    tasks = [
        f"small-{dataset}-{direction}Retrieval.json"
        for dataset in ("birds", "boats")
        for direction in ("I2T", "T2I")
    ]
    assert names(folder) == sorted([*tasks, "model_meta.json"])
    content = json.loads((folder / tasks[0]).read_text())
    assert content["dataset_revision"] == "of-birds"
    assert 0 < content["scores"]["test"][0]["hit_rate_at_5"] <= 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--format", "trek"], '--format: got "trek"'),
        (["--cell", "lore"], '--cell: got "lore"'),
        (["--dataset", "bird"], '--dataset: got "bird"'),
    ],
)
def test_what_is_not_there_is_one_line(crossmodal, study, options, line):
    done = crossmodal("export", "--out", "runs", *options)
    assert done.status == 1 and line in done.err and done.err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_study_without_embeddings_is_one_line(crossmodal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("study: small\n")
    done = crossmodal("export", "--out", "runs")
    assert done.status == 1 and "has embedded nothing yet" in done.err and done.err.count("\n") == 1
