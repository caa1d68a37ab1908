"""A download that fails: one line that names the package and the network; an archive from before survives."""

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PIN = {"name": "emojibase-data", "version": "16.0.3", "sha512": "0" * 128}


@pytest.mark.skipif(
    not (shutil.which("npm") or (Path(sysconfig.get_path("scripts")) / "npm").exists()),
    reason="no npm here, and installing one is not what is tested",
)
def test_an_unreachable_registry(finished, tmp_path: Path, one_line) -> None:
    spec = {
        "rule": "fetch_package", "wildcards": {"package": "x.tgz"}, "parameters": PIN,
        "seed": 0, "threads": 1, "code": {}, "environment": {},
    }  # fmt: skip
    archive, manifest = tmp_path / "x.tgz", tmp_path / "x.tgz.manifest.json"
    archive.write_bytes(b"good")
    manifest.write_text("good")
    command = [
        sys.executable, "-m", "crossmodal.jobs.fetch_package", f"archive={archive}", f"manifest={manifest}",
        f"spec={json.dumps(spec)}",
    ]  # fmt: skip
    closed = {"npm_config_registry": "http://127.0.0.1:9", "npm_config_cache": str(tmp_path / "cache")}
    done = finished.run(command, **closed)
    one_line(done, "emojibase-data@16.0.3", "check the network")
    assert archive.read_bytes() == b"good" and manifest.read_text() == "good"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "project", "x.tgz", "x.tgz.manifest.json"]
