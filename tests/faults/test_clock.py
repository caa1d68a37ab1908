"""A clock that was moved back by a day: all files are from tomorrow."""

import os
import time

import pytest

from crossmodal.provenance.folders import settle_times
from crossmodal.provenance.manifest import read_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAY = 24 * 3600 * 10**9


def test_a_change_after_the_clock_was_moved_back(finished) -> None:
    for path in finished.folder.rglob("*"):
        times = path.lstat()
        os.utime(path, ns=(times.st_atime_ns + DAY, times.st_mtime_ns + DAY), follow_symlinks=False)
    dry = finished.snakemake("--dry-run")
    assert "Nothing to be done" in dry.stdout + dry.stderr
    overlay = finished.folder / "studies/tiny.yaml"
    text = overlay.read_text()
    assert "    lora-r8: null\n" in text
    changed = "    lora-r8: null\n    full: {training: {learning_rate: 0.002}}\n"
    overlay.write_text(text.replace("    lora-r8: null\n", changed))
    done = finished.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "the clock was moved back?" in done.stderr
    adapted = read_manifest(finished.folder / "results/tiny/adaptation/full/s0/manifest.json")
    assert adapted["spec"]["parameters"]["training"]["learning_rate"] == 0.002
    dry = finished.snakemake("--dry-run")
    assert "Nothing to be done" in dry.stdout + dry.stderr
    audited = finished.audit()
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_settled_times_keep_their_order(tmp_path) -> None:
    now = time.time_ns()
    moments = {
        "a": now - DAY,
        "b": now - 5,
        "c": now + DAY,
        "d": now + DAY,
        "e": now + DAY + 1,
        "f": now + 2 * DAY,
    }
    for name, moment in moments.items():
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(moment, moment))
    assert settle_times([tmp_path]) == 4
    after = {name: (tmp_path / name).stat().st_mtime_ns for name in moments}
    assert after["a"] == moments["a"] and after["b"] == moments["b"]
    assert after["b"] < after["c"] == after["d"] < after["e"] < after["f"] <= time.time_ns()
    assert settle_times([tmp_path]) == 0
