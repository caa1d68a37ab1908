"""DVC beside the finished tiny study: what it shows, what it runs, what it stores and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest
from crossmodal.statistics.numbers import read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DEFAULT_STUDY = """
from pathlib import Path
import yaml
from crossmodal.commands.context import resolve
from crossmodal.provenance.dvc import dvc_yaml
study = resolve([Path("studies/tiny.yaml")]).model_dump(mode="json")
Path("params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
Path("dvc.yaml").write_text(dvc_yaml())
"""
"""Make tiny the study of params.yaml itself, so that plain `snakemake` and `dvc` mean it; specs stay equal."""


@dataclass
class Repository:
    """A git and DVC repository with the tiny study as its own; nothing of the user's is read or written."""

    folder: Path
    private: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(self.folder / "workflow"),
            "DVC_SITE_CACHE_DIR": str(self.private / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(self.private / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.private / "system"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def good(self, *command: str) -> str:
        """Run a command that must succeed; return its standard output."""
        done = self.run(*command)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.good(sys.executable, "-m", "dvc", *arguments)

    def git(self, *arguments: str) -> str:
        return self.good("git", *arguments)

    def snakemake(self, *arguments: str) -> str:
        return self.good(sys.executable, "-m", "snakemake", "--cores", "2", *arguments)

    def is_finished(self) -> bool:
        """Return whether Snakemake has nothing to do."""
        done = self.run(sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1")
        return "Nothing to be done" in done.stdout + done.stderr

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert text.count(old) == 1, f"{path}: {old!r} stands there {text.count(old)} times"
        (self.folder / path).write_text(text.replace(old, new))

    def copy(self, folder: Path) -> "Repository":
        shutil.copytree(self.folder, folder / "project", symlinks=True)
        return Repository(folder / "project", folder / "private")

    def manifests(self) -> list[Path]:
        folders = (self.folder / "data/tiny", self.folder / "results/tiny")
        return sorted(path for folder in folders for path in folder.rglob("*manifest.json"))


@pytest.fixture(scope="module")
def witnessed(project, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The finished tiny study, recorded in dvc.lock."""
    folder = tmp_path_factory.mktemp("dvc")
    shutil.copytree(project.folder, folder / "project")
    repository = Repository(folder / "project", folder / "private")
    root = Path(__file__).resolve().parents[2]
    for name in (".gitignore", ".dvcignore", ".dvc/.gitignore", ".dvc/plots/named_points.json"):
        (repository.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(root / name, repository.folder / name)
    repository.good(sys.executable, "-c", DEFAULT_STUDY)
    # The copy is not a new study: whatever ran for the overlay is current for params.yaml too.
    assert repository.is_finished()
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.dvc("commit", "--force", "--no-relink")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "The tiny study")
    return repository


@pytest.fixture
def repository(witnessed: Repository, tmp_path: Path) -> Repository:
    """A copy of it to work on."""
    return witnessed.copy(tmp_path)


def jobs_listed(output: str) -> list[str]:
    """Return the rules of the jobs in a dry run, sorted."""
    return sorted(re.findall(r"^(?:local)?rule (\w+):$", output, flags=re.MULTILINE))


def jobs_run(output: str) -> list[str]:
    """Return the rules of the jobs that a run said to have ended, sorted."""
    return sorted(re.findall(r"^ *\d+ of \d+  (\w+)", output, flags=re.MULTILINE))


def test_analytics_are_off(witnessed: Repository) -> None:
    assert witnessed.dvc("config", "--project", "core.analytics").strip() == "false"


def test_a_finished_study_is_clean_and_has_nothing_to_do(repository: Repository) -> None:
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert "up to date" in repository.dvc("repro")
    forced = repository.run(sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "evaluation")
    assert forced.returncode == 0, forced.stderr
    assert "Nothing to be done" in forced.stdout + forced.stderr
    assert repository.git("status", "--porcelain") == ""


def test_a_new_rank_runs_what_is_stale_and_is_recorded(repository: Repository) -> None:
    rank = "adaptation.cells.lora-r8-pgd.method.rank"
    repository.edit("params.yaml", "rank: 8", "rank: 16")
    assert json.loads(repository.dvc("params", "diff", "--json")) == {
        "params.yaml": {rank: {"old": 8, "new": 16, "diff": 8}}
    }
    rooms = {"peft", "robustness", "search", "scale", "probes"}  # numbers know the method of each cell
    stale = {"adaptation", "evaluation", "report", "provenance"} | rooms
    assert set(json.loads(repository.dvc("status", "--json"))) == stale
    expected = jobs_listed(repository.snakemake("--dry-run"))
    expected.remove("all")
    done = repository.run(sys.executable, "-m", "dvc", "repro")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert jobs_run(done.stdout + done.stderr) == expected
    assert {"adapt_model", "number_cells", "draw_search", "join_numbers"} < set(expected)
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert set(repository.git("diff", "--name-only").split()) == {"params.yaml", "dvc.lock"}
    headline = "results/tiny/figures/headline.json"
    changes = json.loads(repository.dvc("metrics", "diff", "--json"))[headline]
    share = changes["cells.lora-r8-pgd.parameters_share"]
    assert share["new"] == pytest.approx(2 * share["old"])
    assert not [name for name in changes if ".zero-shot." in name]
    assert repository.is_finished()


def test_a_tampered_output_is_not_recorded(repository: Repository) -> None:
    """Snakemake does not look at the bytes of outputs; the stage does before DVC records them."""
    page = repository.folder / "results/tiny/report/index.html"
    before, times = (repository.folder / "dvc.lock").read_bytes(), page.stat()
    page.write_text(page.read_text() + "<!-- -->")
    os.utime(page, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert repository.is_finished()
    done = repository.run(sys.executable, "-m", "dvc", "repro")
    assert done.returncode != 0
    assert "error: write_report: tampered, results/tiny/report/index.html: recorded " in done.stderr
    assert (repository.folder / "dvc.lock").read_bytes() == before


def test_metrics_and_plots_show_numbers_of_the_study(witnessed: Repository) -> None:
    numbers = {n.number_id: n for n in read_numbers(witnessed.folder / "results/tiny/metrics.parquet")}
    path = "results/tiny/figures/headline.json"
    shown = json.loads(witnessed.dvc("metrics", "show", "--json"))[""]["data"][path]["data"]
    recall = numbers["peft/full/s*/outlines/test/clean/text_to_image/recall@10"].value
    assert shown["cells"]["full"]["text_to_image"]["recall@10"] == recall
    plots = json.loads(witnessed.dvc("plots", "show", "--json"))["data"]
    columns = {
        "accuracy-parameters": ("parameters_trainable", "dvc_inferred_y_value"),
        "degradation": ("degradation", "shift_cell"),
        "recall-latency": ("latency_p50_ms", "recall@10"),
        "scale": ("items", "latency_p99_ms"),
    }
    assert set(plots) == set(columns)
    for name, (plot,) in plots.items():
        encoding, rows = plot["content"]["encoding"], plot["content"]["data"]["values"]
        assert "<DVC_METRIC" not in json.dumps(plot), "an anchor of the template that DVC does not fill"
        assert (encoding["x"]["field"], encoding["y"]["field"]) == columns[name]
        assert rows and all(set(row["number_ids"].split(";")) <= set(numbers) for row in rows)
    row = plots["degradation"][0]["content"]["data"]["values"][0]
    assert float(row["degradation"]) == numbers[row["number_ids"]].value


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[tuple[str, ...]]]:
    """The commands that set up a remote: a local folder, or a bucket of an S3 server on this machine."""
    if request.param == "folder":
        yield [("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))]
        return
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="crossmodal")
    yield [
        ("remote", "add", "--local", "--default", "store", "s3://crossmodal/dvc"),
        ("remote", "modify", "--local", "store", "endpointurl", url),
    ]
    server.stop()


@pytest.mark.usefixtures("folder_for_dvc")
def test_a_fresh_clone_pulls_every_file_as_its_manifest_says(
    witnessed: Repository, tmp_path: Path, remote: list[tuple[str, ...]]
) -> None:
    source = witnessed.copy(tmp_path / "source")
    clone = Repository(tmp_path / "clone", tmp_path / "private")
    source.git("clone", "--quiet", str(source.folder), str(clone.folder))
    for command in remote:
        source.dvc(*command)
        clone.dvc(*command)
    source.dvc("push")
    assert not (clone.folder / "results/tiny").exists()
    clone.dvc("pull")
    names = [path.relative_to(clone.folder) for path in clone.manifests()]
    assert names == [path.relative_to(source.folder) for path in source.manifests()]
    entries = [
        entry
        for path in clone.manifests()
        for listed in read_manifest(path)["outputs"].values()
        for entry in listed
    ]
    assert len(entries) > 80
    for entry in entries:
        assert md5(clone.folder / entry["path"]) == entry["md5"], entry["path"]
    assert json.loads(clone.dvc("status", "--json")) == {}
    assert "in sync" in clone.dvc("status", "--cloud")


@pytest.mark.usefixtures("folder_for_dvc")
def test_an_experiment_runs_in_the_project_and_not_in_a_copy(repository: Repository) -> None:
    change = ("--set-param", "statistics.resamples=50")
    done = repository.run(sys.executable, "-m", "dvc", "exp", "run", "--temp", *change)
    assert done.returncode != 0
    assert "error: dvc exp run --temp and --queue run in a copy without Snakemake's metadata" in done.stderr
    assert repository.git("status", "--porcelain") == ""
    repository.dvc("exp", "run", "--name", "fewer-resamples", *change)
    assert "resamples: 50\n" in (repository.folder / "params.yaml").read_text()
    assert json.loads(repository.dvc("status", "--json")) == {}
    assert repository.is_finished()
    table = repository.dvc("exp", "show", "--csv").splitlines()
    column = table[0].split(",").index("cells.full.text_to_image.recall@10")
    assert "fewer-resamples" in {line.split(",")[0] for line in table[1:]}
    assert all(line.split(",")[column] for line in table[1:])
    manifest = read_manifest(repository.folder / "results/tiny/metrics.manifest.json")
    assert manifest["spec"]["parameters"]["statistics"]["resamples"] == 50
