"""Two runs in one folder, and a folder that cannot be written."""

import subprocess
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STALE = "results/tiny/search/lora-r8-pgd/s0/own/ivf-pq/r1/card.json"


def test_the_second_of_two_runs_ends_and_the_first_does_not_notice(finished, reference) -> None:
    (finished.folder / STALE).unlink()
    first = finished.start()
    deadline = time.monotonic() + 60
    while not any((finished.folder / ".snakemake/locks").glob("*")) and time.monotonic() < deadline:
        assert first.poll() is None, (finished.folder / "run.log").read_text()
        time.sleep(0.02)
    second = finished.snakemake()
    assert second.returncode == 1 and first.poll() is None
    assert "Directory cannot be locked" in second.stdout + second.stderr
    assert "--unlock" in second.stdout + second.stderr
    assert first.wait(timeout=400) == 0, (finished.folder / "run.log").read_text()[-3000:]
    reference.assert_equal(finished)


def test_a_finished_study_that_is_read_only_is_said_before_any_job(finished, reference, mount) -> None:
    (finished.folder / STALE).unlink()
    results = finished.folder / "results"
    mount("--bind", str(results), at=results)
    mount("-o", "remount,ro,bind", at=results)
    before = finished.digests()
    done = finished.snakemake()
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert (
        "Write-protected output files for rule" in said
    )  # Snakemake's own words, about one of the stale jobs
    assert "Traceback" not in said and " to run" not in said
    assert finished.digests() == before
    subprocess.run(["mount", "-o", "remount,rw,bind", str(results)], check=True)
    done = finished.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    reference.assert_equal(finished)


def test_a_new_study_in_a_read_only_folder_is_one_line_before_any_job(fresh, mount) -> None:
    mount("-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", at=fresh.folder / "results")
    done = fresh.snakemake()
    assert done.returncode == 1
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if line.startswith("error: ")] == [
        "error: results/tiny: cannot be written; mount it for writing, mend its permissions"
        " or run in another folder"
    ]
    assert "Traceback" not in done.stderr and not [line for line in said if " to run" in line]
    assert fresh.digests() == {}


def test_a_job_in_a_read_only_folder_is_one_line(finished, mount, one_line, tmp_path: Path) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", at=tmp_path / "disk")
    done = finished.job("results/tiny/search/lora-r8-pgd/s0/own/flat/r0/manifest.json", disk / "out")
    one_line(done, str(disk / "out"), "cannot be written (Read-only file system)")
