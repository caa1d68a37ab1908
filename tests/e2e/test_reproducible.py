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
    "adapt_model": ("results/smoke/adaptation/lora-r8-pgd/s0/manifest.json", ("adapter", "adapter_config")),
    "shift_dataset": ("data/smoke/shifts/gaussian-noise-3/outlines/test.manifest.json", ("shifted",)),
    "embed_set": (
        "results/smoke/embeddings/full/s0/outlines/test/clean/manifest.json",
        ("images", "captions"),
    ),
    "build_index": ("results/smoke/search/lora-r8/s0/ivf-pq/test/manifest.json", ("index",)),
    "train_reranker": ("results/smoke/reranking/lora-r8/s0/ivf-pq/manifest.json", ("weights",)),
    "summarise_numbers": ("results/smoke/metrics.manifest.json", ("metrics", "hypotheses")),
}


@pytest.mark.parametrize("rule", JOBS)
def test_a_repeated_job_is_bit_identical(project, tmp_path: Path, rule: str) -> None:
    path, compared = JOBS[rule]
    manifest = read_manifest(project.folder / path)
    arguments = []
    for name, entries in manifest["inputs"].items():
        arguments += [f"{name}=", *(entry["path"] for entry in entries)]
    for name, entry in manifest["outputs"].items():
        arguments.append(f"{name}={tmp_path / Path(entry['path']).name}")
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
        entry = manifest["outputs"][name]
        assert md5(tmp_path / Path(entry["path"]).name) == entry["md5"], name
