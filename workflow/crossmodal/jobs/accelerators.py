"""Several GPUs on one machine, one job on each: a job claims a device and holds it until its process ends.

A device is claimed by a lock (flock) on a file of its own in the temporary folder; the system frees it however
the process ends. Devices are listed by `nvidia-smi -L`: importing torch takes seconds and asking it for devices
fixes CUDA's view of them, while /dev/nvidia* also shows what a scheduler keeps from this job.
"""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossmodal.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 0.2

_held: list[int] = []
"""Open lock files of this process: closing one would free its device."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU, or a part of one that its driver hands out as one (MIG)."""

    name: str
    """What CUDA_VISIBLE_DEVICES calls it: its UUID, or the index that was given to this process."""
    lock: str
    """Name of its lock file, the same in every process on this machine."""


def claim_accelerator() -> str | None:
    """Claim one of the GPUs that this process may use, and let CUDA see no other.

    Waits while all are taken by other processes. Returns the device as CUDA_VISIBLE_DEVICES now names it, or
    None where there is no GPU or CUDA_VISIBLE_DEVICES hides all of them; nothing is changed then. Call it once,
    before anything asks CUDA for its devices.
    """
    devices = visible_devices(list_devices(), os.environ)
    if not devices:
        return None
    device = hold(devices, Path(tempfile.gettempdir()))
    os.environ[VISIBLE] = device.name
    return device.name


def claim_accelerators(number: int) -> list[str]:
    """Claim `number` GPUs for the processes of one job, and let CUDA see no others.

    As `claim_accelerator`, for all of them together: jobs that each held some and waited for more would wait for
    ever, so only one at a time gathers. Returns the devices as CUDA_VISIBLE_DEVICES now names them, none where
    there is no GPU. Raises UserError where there are some, but fewer.
    """
    devices = visible_devices(list_devices(), os.environ)
    if not devices:
        return []
    if len(devices) < number:
        raise UserError(f"{number} processes want a GPU each, and this job may use {len(devices)}")
    folder = Path(tempfile.gettempdir())
    hold([Device("several", "several")], folder, "the turn to claim several GPUs")
    turn = _held.pop()
    try:
        held: list[Device] = []
        while len(held) < number:
            held.append(hold([device for device in devices if device not in held], folder))
    finally:
        os.close(turn)
    os.environ[VISIBLE] = ",".join(device.name for device in held)
    return [device.name for device in held]


def list_devices() -> list[str]:
    """Return the UUIDs of this machine's NVIDIA GPUs in the driver's order; none where it has no driver."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_listing(listed.stdout) if listed.returncode == 0 else []


def parse_listing(text: str) -> list[str]:
    """Return the UUIDs in the output of `nvidia-smi -L`; a GPU that is cut into MIG parts counts as its parts."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if match := re.search(r"\(UUID: ((?:GPU|MIG)-[^)]+)\)", line):
            if line.startswith("GPU"):
                found.append([match[1]])
            elif found:
                found[-1].append(match[1])
    return [uuid for whole, *parts in found for uuid in parts or [whole]]


def visible_devices(uuids: Sequence[str], environment: Mapping[str, str]) -> list[Device]:
    """Return those of the devices `uuids` that CUDA_VISIBLE_DEVICES leaves visible, named as it names them.

    As in CUDA, an entry is an index or the beginning of a UUID, and all from the first wrong entry on are hidden.
    """
    if VISIBLE not in environment:
        return [Device(uuid, uuid) for uuid in uuids]
    visible = []
    for entry in environment[VISIBLE].split(","):
        name = entry.strip()
        if name.isdecimal():
            matching = list(uuids[int(name) : int(name) + 1])
        else:
            matching = [uuid for uuid in uuids if name and uuid.startswith(name)]
        if len(matching) != 1:
            break
        visible.append(Device(name, matching[0]))
    return visible


def hold(devices: Sequence[Device], folder: Path, what: str = "a GPU") -> Device:
    """Claim the first free one of `devices`, waiting while none is, and hold it for the life of this process.

    `folder` has the lock files; processes that share it share the devices out. `what` is waited for, in a message.
    """
    said = False
    while True:
        for device in devices:
            if _lock(folder / f"crossmodal-{device.lock}.lock"):
                return device
        if not said:
            print(f"waiting for {what}: all of {len(devices)} are taken", file=sys.stderr, flush=True)
            said = True
        time.sleep(POLL_SECONDS)


def _lock(path: Path) -> bool:
    """Lock `path` if no other process has it locked. The descriptor stays open, and child programs lack it."""
    try:
        # Read-only, so that it may be another user's file, which a sticky folder lets nobody else write to.
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
    except OSError as error:
        raise UserError(
            f"{path}: cannot be locked to claim a GPU ({error.strerror}); set TMPDIR to a folder where it can"
        ) from None
    _held.append(descriptor)
    return True
