"""A full disk: one line that says so and where, what was good before stays, and room is all that it takes."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ADAPTATION = "results/tiny/adaptation/full/s0/manifest.json"
FULL = "No space left on device"


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): md5(p) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def disk(mount, tmp_path: Path) -> Path:
    return mount("-t", "tmpfs", "-o", "size=200m", "tmpfs", at=tmp_path / "disk")


def assert_same_bytes(project, manifest: str, folder: Path) -> None:
    for name, listed in read_manifest(project.folder / manifest)["outputs"].items():
        for i, entry in enumerate(listed):
            if not entry.get("timed"):
                assert md5(folder / f"{name}-{i}-{Path(entry['path']).name}") == entry["md5"]


def test_a_checkpoint_that_does_not_fit(finished, disk: Path, tmp_path: Path, one_line: Callable) -> None:
    before = finished.digests()
    places = {"checkpoints": str(disk / "checkpoints")}
    resize(disk, "15m")  # the weights would fit, the optimiser's state does not
    one_line(finished.job(ADAPTATION, disk, **places), FULL, str(disk / "checkpoints"), "run again")
    assert files(disk) == {}, "half a checkpoint would fill the disk for all others"
    resize(disk, "200m")
    done = finished.job(ADAPTATION, disk, **places)
    assert done.returncode == 0, done.stderr
    assert_same_bytes(finished, ADAPTATION, disk)
    assert finished.digests() == before


def test_weights_that_do_not_fit_keep_the_checkpoint(
    finished, disk: Path, tmp_path: Path, one_line: Callable
) -> None:
    places = {"checkpoints": str(tmp_path / "checkpoints")}
    resize(disk, "5m")
    one_line(finished.job(ADAPTATION, disk, **places), FULL, str(disk), "make room")
    assert files(disk) == {}
    kept = list((tmp_path / "checkpoints").rglob("epoch-00002.safetensors"))
    assert kept, "training is done and must not be done again"
    resize(disk, "200m")
    done = finished.job(ADAPTATION, disk, **places)
    assert done.returncode == 0, done.stderr
    assert_same_bytes(finished, ADAPTATION, disk)
    assert not kept[0].exists()


@pytest.mark.parametrize(
    "manifest",
    [
        "results/tiny/embeddings/lora-r8-pgd/s0/galleries.manifest.json",
        "results/tiny/search/lora-r8-pgd/s0/own/ivf-pq/r0/manifest.json",
    ],
    ids=["embeddings", "index"],
)
def test_good_outputs_outlive_a_full_disk(finished, disk: Path, one_line: Callable, manifest: str) -> None:
    assert finished.job(manifest, disk).returncode == 0
    good = files(disk)
    resize(disk, str(shutil.disk_usage(disk).used + 16_384))
    one_line(finished.job(manifest, disk), FULL, str(disk), "make room")
    assert files(disk) == good
    resize(disk, "200m")
    assert finished.job(manifest, disk).returncode == 0
    assert_same_bytes(finished, manifest, disk)
