"""The RO-Crate of the finished tiny study, by the command line."""

import json
import shutil
from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_crate_of_a_real_run_is_valid_and_complete(project, validate_crate: Callable) -> None:
    written = project.crossmodal("crate", "--author", "Ada", "--license", "CC-BY-4.0")
    assert written.returncode == 0, written.stderr
    crate = project.folder / "results/tiny/crate"
    try:
        assert [issue for issue in validate_crate(crate) if issue["severity"] == "REQUIRED"] == []
        entities = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
        described = {entity["name"] for entity in entities if entity["@id"].startswith("#job/")}
        audited = json.loads(project.crossmodal("audit", "--all", "--json").stdout)
        assert described == set(audited["jobs"])
        assert written.stdout.startswith(f"results/tiny/crate: {len(described)} jobs, ")
        for name in ("workflow/crossmodal/jobs/adapt_model.py", "params.yaml", project.overlay, "Snakefile"):
            assert (crate / name).read_bytes() == (project.folder / name).read_bytes()
        assert not list(crate.rglob("__pycache__"))
    finally:
        shutil.rmtree(crate)
