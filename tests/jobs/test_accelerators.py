"""Devices are shared out one per process, whatever the processes do."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.jobs.accelerators import (
    Device,
    claim_accelerator,
    claim_accelerators,
    hold,
    parse_listing,
    visible_devices,
)

ROOT = Path(__file__).resolve().parents[1]

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa11)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bb22)
  MIG 3g.20gb     Device  0: (UUID: MIG-c1)
  MIG 3g.20gb     Device  1: (UUID: MIG-c2)
GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-bb33)
"""
UUIDS = ["GPU-aa11", "MIG-c1", "MIG-c2", "GPU-bb33"]

HOLDER = """
import sys, time
from pathlib import Path
from crossmodal.jobs.accelerators import Device, hold
folder, count, held_for = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
device = hold([Device(str(i), f"GPU-{i}") for i in range(count)], folder)
with (folder / "events").open("a") as events:
    print("+", device.lock, file=events, flush=True)
    print(device.lock, flush=True)
    time.sleep(held_for)
    print("-", device.lock, file=events, flush=True)
"""


def holder(folder: Path, devices: int, held_for: float) -> subprocess.Popen[str]:
    """Start a process that claims one of some devices, prints it and holds it for some seconds."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), str(devices), str(held_for)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_divided_gpu_counts_as_its_parts() -> None:
    assert parse_listing(LISTING) == UUIDS
    assert parse_listing("No devices found.\n") == []


@pytest.mark.parametrize(
    ("value", "locks"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("3", ["GPU-bb33"]),
        ("3,0", ["GPU-bb33", "GPU-aa11"]),
        ("0, 7, 1", ["GPU-aa11"]),
        ("GPU-a,MIG-c2", ["GPU-aa11", "MIG-c2"]),
        ("MIG-c", []),
    ],
)
def test_what_is_hidden_stays_hidden(value: str, locks: list[str]) -> None:
    found = visible_devices(UUIDS, {"CUDA_VISIBLE_DEVICES": value})
    assert [device.lock for device in found] == locks
    assert [device.name for device in found] == [v.strip() for v in value.split(",")][: len(locks)]


def test_without_a_restriction_all_are_visible_by_uuid() -> None:
    assert visible_devices(UUIDS, {}) == [Device(uuid, uuid) for uuid in UUIDS]


def test_two_processes_never_hold_one_device(tmp_path: Path) -> None:
    """Nine processes and three devices: the record of claims and releases never counts a device twice."""
    processes = [holder(tmp_path, devices=3, held_for=0.1) for _ in range(9)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 9
    held: Counter[str] = Counter()
    for event, device in map(str.split, (tmp_path / "events").read_text().splitlines()):
        held[device] += {"+": 1, "-": -1}[event]
        assert held[device] in (0, 1)
    assert not +held
    assert set(held) <= {"GPU-0", "GPU-1", "GPU-2"}


def test_a_killed_holder_frees_its_device(tmp_path: Path) -> None:
    first = holder(tmp_path, devices=1, held_for=600)
    assert first.stdout and first.stdout.readline() == "GPU-0\n"
    second = holder(tmp_path, devices=1, held_for=0)
    assert second.stderr and "waiting for a GPU" in second.stderr.readline()
    assert second.poll() is None
    first.kill()
    killed = time.monotonic()
    assert second.wait(timeout=30) == 0
    assert time.monotonic() - killed < 10
    assert second.stdout and second.stdout.read() == "GPU-0\n"
    first.wait()


def test_programs_that_a_holder_starts_do_not_hold_its_device(tmp_path: Path) -> None:
    code = f"""
import subprocess
from pathlib import Path
from crossmodal.jobs.accelerators import Device, hold
hold([Device("0", "GPU-0")], Path({str(tmp_path)!r}))
nowhere = {{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
print(subprocess.Popen(["sleep", "60"], close_fds=False, **nowhere).pid)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    try:
        assert hold([Device("0", "GPU-0")], tmp_path).lock == "GPU-0"
    finally:
        os.kill(int(done.stdout), 9)


def nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program of that name first on the PATH."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(folder))


def test_a_claim_names_its_device_to_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, monkeypatch, f"cat <<'X'\n{LISTING}X")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")
    assert claim_accelerator() == "3"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")  # what another process of the same job would see
    assert claim_accelerator() == "0"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert claim_accelerator() == "MIG-c1"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-c1"


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found"])
def test_without_a_gpu_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    nvidia_smi(tmp_path, monkeypatch, script)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert claim_accelerator() is None
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not list(tmp_path.glob("*.lock"))


def test_a_folder_without_locks_is_one_line_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing/crossmodal-GPU-0\.lock: cannot be locked .*TMPDIR"):
        hold([Device("0", "GPU-0")], tmp_path / "missing")


def test_several_are_claimed_together_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, monkeypatch, f"cat <<'X'\n{LISTING}X")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")
    with pytest.raises(UserError, match="3 processes want a GPU each, and this job may use 2"):
        claim_accelerators(3)
    assert claim_accelerators(2) == ["3", "0"] and os.environ["CUDA_VISIBLE_DEVICES"] == "3,0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert claim_accelerators(2) == []


def test_jobs_that_gather_several_do_not_wait_for_each_other_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four jobs want two of three devices, four want one: each gets what it wants in the end."""
    nvidia_smi(tmp_path, monkeypatch, "".join(f"echo 'GPU {i}: X (UUID: GPU-{i})'\n" for i in range(3)))
    code = """
import sys, time
from crossmodal.jobs.accelerators import claim_accelerators
print(*claim_accelerators(int(sys.argv[1])))
time.sleep(0.1)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "TMPDIR": str(tmp_path)}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", code, number], env=environment, stdout=subprocess.PIPE, text=True
        )
        for number in "2121" * 2
    ]
    claimed = [job.communicate(timeout=60)[0].split() for job in jobs]
    assert [len(set(devices)) for devices in claimed] == [2, 1, 2, 1] * 2
