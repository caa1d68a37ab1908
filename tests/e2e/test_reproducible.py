"""A job repeated by hand, from nothing but its manifest, writes the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import entry

from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

JOBS = {
    "adapt_model": ("results/tiny/adaptation/lora-r8-pgd/s0/manifest.json", ("adapter", "adapter_config")),
    "shift_dataset": ("data/tiny/shifts/gaussian-noise-3/outlines/test.manifest.json", ("shifted",)),
    "build_model": ("results/tiny/models/base/manifest.json", ("weights", "config")),
    "embed_target": ("results/tiny/embeddings/full/s0/target.manifest.json", ("images", "captions")),
    "embed_shifted": ("results/tiny/embeddings/full/s0/shifted.manifest.json", ("images", "captions")),
    "split_folds": ("data/tiny/folds/outlines/manifest.json", ("rest", "part")),
    "build_index": (
        "results/tiny/search/lora-r8-pgd/s0/own/ivf-pq/r1/manifest.json",
        ("index", "points", "card"),
    ),
    "train_reranker": (
        "results/tiny/reranking/lora-r8-pgd/s0/rerank/r0/manifest.json",
        ("config", "weights"),
    ),
    "answer_queries": (
        "results/tiny/evaluation/search/lora-r8-pgd/s0/r0/manifest.json",
        ("queries", "record"),
    ),
    "number_robustness": ("results/tiny/numbers/robustness.manifest.json", ("numbers",)),
    "draw_robustness": ("results/tiny/sections/robustness.manifest.json", ("section", "figures")),
    "join_numbers": ("results/tiny/metrics.manifest.json", ("metrics", "hypotheses", "clip_benchmark")),
}
SCRATCH = ("build_model", "adapt_model")


@pytest.mark.parametrize("rule", JOBS)
def test_a_repeated_job_is_bit_identical(project, tmp_path: Path, rule: str) -> None:
    path, compared = JOBS[rule]
    manifest = read_manifest(project.folder / path)
    arguments = []
    for name, entries in manifest["inputs"].items():
        arguments += [f"{name}=", *(entry["path"] for entry in entries)]
    copies = {
        name: [tmp_path / f"{name}-{i}" for i in range(len(listed))]
        for name, listed in manifest["outputs"].items()
    }
    for name, paths in copies.items():
        arguments += [f"{name}=", *map(str, paths)]
    if rule in SCRATCH:
        arguments.append(f"checkpoints={tmp_path / 'checkpoints'}")
    arguments += [f"manifest={tmp_path / 'manifest.json'}", f"spec={json.dumps(manifest['spec'])}"]
    done = subprocess.run(
        [sys.executable, "-m", entry(rule), *arguments],
        cwd=project.folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(project.folder / "workflow"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for name in compared:
        assert [md5(path) for path in copies[name]] == [e["md5"] for e in manifest["outputs"][name]], name


def test_the_file_of_a_jobs_arguments_repeats_it(project) -> None:
    """As its log's command says: python -m MODULE @FILE. Each job has the file of what it was last run with."""
    manifests = {
        manifest["rule"]: (path, manifest)
        for path in (project.folder / "results/tiny").rglob("*manifest.json")
        for manifest in [read_manifest(path)]
    }
    path, manifest = manifests["draw_search"]
    spec = json.dumps(manifest["spec"], sort_keys=True, separators=(",", ":"))
    files = [
        file
        for file in (project.folder / "results/tiny/jobs").glob("draw_search-*.txt")
        if f"spec={spec}\n" in file.read_text()
    ]
    (file,) = files
    before = {e["path"]: e["md5"] for listed in manifest["outputs"].values() for e in listed}
    done = project.run("-m", entry("draw_search"), f"@{file.relative_to(project.folder)}")
    assert done.returncode == 0, done.stderr[-3000:]
    again = read_manifest(path)
    assert {e["path"]: e["md5"] for listed in again["outputs"].values() for e in listed} == before
    assert again["spec"] == manifest["spec"] and again["inputs"] == manifest["inputs"]
