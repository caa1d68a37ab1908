"""A study whose overlay lies anywhere: the commands know it by what its last run recorded."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.e2e.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

GALLERY = "report={'gallery_cell': 'full'}"


@pytest.fixture(scope="module")
def elsewhere(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the finished tiny study: its overlay was moved out of studies/, and it is not recorded."""
    folder = tmp_path_factory.mktemp("house") / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    copy = Project.__new__(Project)
    copy.folder, copy.environment = folder, {}
    copy.overlay = str(tmp_path_factory.mktemp("else where") / "tiny.yaml")
    shutil.move(folder / project.overlay, copy.overlay)
    (folder / "results/tiny/overlay.json").unlink()
    return copy


def test_a_study_that_never_ran_here_is_not_known(elsewhere: Project) -> None:
    for command in (["audit", "--all"], ["why"], ["accept", "data", "--why", "x"], ["crate"]):
        done = elsewhere.crossmodal(*command)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and line.startswith(
            "error: studies/tiny.yaml: no such study; there are: "
        )
        assert "flickr8k" in line and "smoke" in line and "params.yaml's own" in line
        assert line.endswith("none called tiny was run here")
    start = "import sys; from crossmodal.cli import main; sys.argv[0] = 'crossmodal'; main()"
    done = elsewhere.run("-c", start, "params", "--study", "nowhere")
    assert (
        done.returncode == 1
        and "smoke" in done.stderr
        and done.stderr.endswith("; and none called nowhere was run here\n")
    )


def test_a_run_is_recorded_and_the_commands_find_it(elsewhere: Project) -> None:
    (elsewhere.folder / "results/tiny/report/index.html").unlink()
    done = elsewhere.snakemake()
    assert done.returncode == 0, done.stderr[-3000:]
    recorded = json.loads((elsewhere.folder / "results/tiny/overlay.json").read_text())
    assert recorded == yaml.safe_load(Path(elsewhere.overlay).read_text())
    audited = elsewhere.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout[-3000:] + audited.stderr
    assert elsewhere.crossmodal("why").stdout == "study tiny: nothing to do\n"
    assert "crowd:" in elsewhere.crossmodal("params").stdout


def test_what_the_command_line_laid_on_it_is_recorded_too(elsewhere: Project) -> None:
    done = elsewhere.snakemake("--config", GALLERY)
    assert done.returncode == 0, done.stderr[-3000:]
    audited = elsewhere.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout[-3000:] + audited.stderr
    assert "gallery_cell: full" in elsewhere.crossmodal("params").stdout
    assert elsewhere.stale() == {"record_study", "write_report"}, "without it the page shows another cell"
    done = elsewhere.snakemake("--dry-run", "--config", GALLERY)
    assert "Nothing to be done" in done.stdout + done.stderr
