"""Pinned files of the hub, fetched from one that is played on this machine."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossmodal.data.hub_files import fetch
from crossmodal.data.hub_pins import HubFile
from crossmodal.errors import UserError
from dataset_files import Item, table
from local_hub import Hub, serving
from picture_files import photo

REPO, REVISION, PATH = (
    "someone/pairs",
    "0123456789abcdef0123456789abcdef01234567",
    "data/test-00000-of-00001.parquet",
)
CONTENT = bytes(range(256)) * 400


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(REPO, REVISION, {PATH: CONTENT}) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served


def pinned(content: bytes = CONTENT, **values: str) -> HubFile:
    fields = {"repo": REPO, "revision": REVISION, "path": PATH, "sha256": hashlib.sha256(content).hexdigest()}
    return HubFile(**{**fields, **values})


def never(seconds: float) -> None:
    raise AssertionError("another attempt cannot help")


def test_a_file_is_fetched_once(hub: Hub, tmp_path: Path) -> None:
    path = fetch(pinned(), tmp_path, wait=never)
    assert path == tmp_path / PATH and path.read_bytes() == CONTENT
    assert fetch(pinned(), tmp_path, wait=never) == path and hub.ranges == [""]
    path.write_bytes(b"edited")
    assert fetch(pinned(), tmp_path, wait=never).read_bytes() == CONTENT


def test_a_download_that_breaks_off_is_resumed(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.breaks.append(30_000)
    assert fetch(pinned(), tmp_path, wait=never).read_bytes() == CONTENT
    assert hub.ranges == ["", "bytes=30000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is left of its parts"


def test_a_later_run_goes_on_where_an_earlier_one_was_ended(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / f".{pinned().sha256}.part").write_bytes(CONTENT[:50_000])
    assert fetch(pinned(), tmp_path, wait=never).read_bytes() == CONTENT
    assert hub.ranges == ["bytes=50000-"]


def test_other_bytes_than_the_pinned_are_not_used(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"wrong checksum, so it is not used: expected sha256 [0-9a-f]{64}, got"
    ):
        fetch(pinned(b"other"), tmp_path, wait=never)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    for part in (CONTENT[:10][::-1], CONTENT * 2):  # of another file, or longer than the file is
        (tmp_path / f".{pinned().sha256}.part").write_bytes(part)
        if len(part) == 10:
            with pytest.raises(UserError, match="wrong checksum"):
                fetch(pinned(), tmp_path, wait=never)
        else:
            assert fetch(pinned(), tmp_path, wait=never).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "values", [{"repo": "someone/else"}, {"revision": "f" * 40}, {"path": "data/train.parquet"}]
)
def test_what_the_hub_does_not_have_is_one_line(hub: Hub, values: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r": the hub does not give it out \(.*\); check repo, revision and path"
    ) as error:
        fetch(pinned(**values), tmp_path, wait=never)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


def test_a_hub_that_is_away_is_one_line(hub: Hub, tmp_path: Path) -> None:
    hub.shutdown()
    hub.server_close()
    waits: list[float] = []
    with pytest.raises(
        UserError, match=r"the hub could not be reached in 3 attempts: check the network"
    ) as error:
        fetch(pinned(), tmp_path, retries=2, wait=waits.append)
    assert waits == [2.0, 6.0] and "\n" not in str(error.value)


def test_the_job_leaves_the_file_and_its_manifest(hub: Hub, tmp_path: Path) -> None:
    content = table(tmp_path / "a.parquet", [Item("a", photo(), split="test")]).read_bytes()
    hub.files[PATH] = content
    known = {
        "rule": "fetch_hub_file",
        "wildcards": {},
        "seed": 0,
        "threads": 1,
        "code": {},
        "environment": {},
    }
    spec = {**known, "parameters": pinned(content)._asdict()}
    names = {"file": "out/a.parquet", "manifest": "out/manifest.json", "parts": "parts"}
    lines = [*(f"{name}={tmp_path / path}" for name, path in names.items()), f"spec={json.dumps(spec)}"]
    (tmp_path / "arguments").write_text("\n".join(lines))
    command = [sys.executable, "-m", "crossmodal.jobs.fetch_hub_file", f"@{tmp_path / 'arguments'}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/a.parquet").read_bytes() == content
