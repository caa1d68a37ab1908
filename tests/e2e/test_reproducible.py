"""A job repeated by hand, from nothing but its manifest, writes the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

JOBS = {
    "adapt_model": ("results/tiny/adaptation/lora-r8-pgd/s0/manifest.json", ("adapter", "adapter_config")),
    "shift_dataset": ("data/tiny/shifts/gaussian-noise-3/outlines/test.manifest.json", ("shifted",)),
    "embed_sets": ("results/tiny/embeddings/full/s0/shifted.manifest.json", ("images", "captions")),
    "build_index": ("results/tiny/search/lora-r8-pgd/s0/ivf-pq/test/manifest.json", ("index",)),
    "train_reranker": ("results/tiny/reranking/lora-r8-pgd/s0/ivf-pq/manifest.json", ("weights",)),
    "summarise_numbers": ("results/tiny/metrics.manifest.json", ("metrics", "hypotheses", "clip_benchmark")),
}


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
    if rule == "adapt_model":
        arguments.append(f"checkpoints={tmp_path / 'checkpoints'}")
    arguments += [f"manifest={tmp_path / 'manifest.json'}", f"spec={json.dumps(manifest['spec'])}"]
    done = subprocess.run(
        [sys.executable, "-m", f"crossmodal.jobs.{rule}", *arguments],
        cwd=project.folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(project.folder / "workflow"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for name in compared:
        assert [md5(path) for path in copies[name]] == [e["md5"] for e in manifest["outputs"][name]], name
