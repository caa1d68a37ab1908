"""Published, cloned, restored: the tiny study as if it were the default one, with a folder as remote."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from crossmodal.commands.context import resolve
from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import render_manifest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Published:
    """A repository whose default study is the tiny one."""

    def __init__(self, project, folder: Path, private: Path) -> None:
        self.project, self.folder = project, folder
        self.environment = {
            name: str(private / name) for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR")
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return type(self.project).run(self, *arguments, **self.environment)

    def crossmodal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        start = "import sys; from crossmodal.cli import main; sys.argv[0] = 'crossmodal'; main()"
        return self.run("-c", start, *arguments)

    def dry_run(self) -> str:
        done = self.run("-m", "snakemake", "--dry-run", "--cores", "2")
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def clone(self, folder: Path) -> "Published":
        git(folder.parent, "clone", "--quiet", str(self.folder), str(folder))
        copy = Published(self.project, folder, folder.parent / "private")
        return copy


@pytest.fixture(scope="module")
def published(project, folder_for_dvc: None, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("published")
    for name in (*(p.name for p in project.folder.iterdir()), ".dvc"):
        if (project.folder / name).is_dir():
            shutil.copytree(project.folder / name, folder / name, dirs_exist_ok=True)
        else:
            shutil.copy2(project.folder / name, folder)
    for name in ("README.md", ".gitignore", ".dvcignore"):
        shutil.copy2(ROOT / name, folder)
    tiny = yaml.safe_load((ROOT / "studies/tiny.yaml").read_text())
    stated = set(pq.read_table(ROOT / "published/emoji.parquet")["number_id"].to_pylist())
    stated = {name.partition("/")[0] for name in stated}
    for room in [name for name, values in tiny.items() if values is None]:  # of which it has no tables
        path = folder / "docs/results.md"
        block = re.compile(rf"<!-- table:{room.replace('_', '-')}[a-z-]* -->.*?<!-- /table -->", re.DOTALL)
        text, found = block.subn("", path.read_text())
        assert bool(found) == (room in stated), f"{room}: what is published has tables"
        path.write_text(text)
    here = Path.cwd()
    os.chdir(project.folder)
    try:
        study = resolve([Path(project.overlay)])
    finally:
        os.chdir(here)
    (folder / "params.yaml").write_text(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))
    git(folder, "init", "--quiet")
    repository = Published(project, folder, tmp_path_factory.mktemp("private"))
    remote = tmp_path_factory.mktemp("remote")
    done = repository.run("-m", "dvc", "remote", "add", "--default", "folder", str(remote))
    assert done.returncode == 0, done.stderr
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A study")
    done = repository.crossmodal("publish", "--push")
    assert done.returncode == 0, done.stdout + done.stderr
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Publish it")
    return repository


def test_what_publishing_writes(published: Published) -> None:
    manifests = [json.loads(line) for line in (published.folder / "ledger.jsonl").read_text().splitlines()]
    assert [m["manifest"] for m in manifests] == sorted(m["manifest"] for m in manifests)
    assert {m["rule"] for m in manifests} >= {"build_dataset", "adapt_model", "write_report"}
    locked = (published.folder / "dvc.lock").read_text()
    for manifest in manifests:
        for listed in manifest["outputs"].values():
            assert all(entry["md5"] in locked for entry in listed)
    assert "lora-r8-pgd" in (published.folder / "docs/results.md").read_text()
    done = published.crossmodal("audit", "--all", "--no-cache")
    assert done.returncode == 0, done.stdout
    status = published.run("-m", "dvc", "status")
    assert "up to date" in status.stdout, status.stdout
    audited = published.crossmodal("audit", "--report")
    assert audited.returncode == 0, audited.stdout + audited.stderr


def test_nothing_is_published_from_an_unclean_tree_or_unless_all_is_verified(published: Published) -> None:
    page = published.folder / "docs/protocol.md"
    text = page.read_text()
    page.write_text(f"{text}\n")
    done = published.crossmodal("publish")
    page.write_text(text)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the work tree has changes (docs/protocol.md): commit or stash them")
    file = published.folder / "results/tiny/hypotheses.json"
    good, locked = file.read_bytes(), (published.folder / "dvc.lock").read_bytes()
    file.write_bytes(good + b" ")
    done = published.crossmodal("publish")
    file.write_bytes(good)
    assert done.returncode == 1 and "tampered join_numbers" in done.stdout
    assert done.stderr.startswith("error: not published: every job must be verified")
    assert (published.folder / "dvc.lock").read_bytes() == locked


REFILL = "from crossmodal.commands.pages import fill_pages; fill_pages('tiny')"


def test_what_is_published_must_be_what_is_here(published: Published) -> None:
    """Pages that follow from the published numbers are no proof: those must be the study's, intervals and all."""
    table, ledger = published.folder / "published/tiny.parquet", published.folder / "ledger.jsonl"
    numbers = pq.read_table(table)
    rows = numbers.to_pylist()
    place = next(i for i, row in enumerate(rows) if row["ci_low"] is not None and row["unit"] == "fraction")
    rows[place]["ci_low"] -= 0.001
    pq.write_table(pa.Table.from_pylist(rows, numbers.schema), table)
    refused = published.run("-c", REFILL)
    assert refused.returncode and "published/tiny.parquet: not what was published" in refused.stderr
    sums, digest = table.with_name("SHA256SUMS"), hashlib.sha256(table.read_bytes()).hexdigest()
    sums.write_text(re.sub(r"\w+  tiny\.parquet", f"{digest}  {table.name}", sums.read_text()))
    assert published.run("-c", REFILL).returncode == 0
    audited = published.crossmodal("audit", "--report")
    assert audited.returncode == 1
    assert f"published/tiny.parquet: 1 of {len(rows):,} numbers are not those that are here" in audited.stderr
    assert rows[place]["number_id"] in audited.stderr
    git(published.folder, "checkout", "--quiet", ".")
    kept = ledger.read_text()
    line = next(line for line in kept.splitlines() if '"rule":"join_numbers"' in line)
    ledger.write_text(kept.replace(line, line.replace('"device":"cpu"', '"device":"cuda"')))
    audited = published.crossmodal("audit", "--report")
    assert audited.returncode == 1 and "ledger.jsonl: 1 of " in audited.stderr
    git(published.folder, "checkout", "--quiet", ".")
    assert published.crossmodal("audit", "--report").returncode == 0


def test_a_fresh_clone_is_judged_restored_and_audited(published: Published, tmp_path: Path) -> None:
    clone = published.clone(tmp_path / "clone")
    audited = clone.crossmodal("audit", "--all", "--json")
    assert audited.returncode == 1
    jobs = json.loads(audited.stdout)["jobs"].values()
    assert {job["verdict"] for job in jobs} == {"missing"}
    assert all(len(job["findings"]) == 1 for job in jobs), "missing, but nothing is stale: the ledger says so"
    done = clone.crossmodal("restore")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"restored and verified: {len(jobs)} jobs"
    assert "Nothing to be done" in clone.dry_run()
    audited = clone.crossmodal("audit", "--all", "--no-cache")
    assert audited.returncode == 0, audited.stdout
    again = clone.crossmodal("restore")
    assert "0 of their files are not here" in again.stdout and again.returncode == 0
    changed = (clone.folder / "params.yaml").read_text().replace("rank: 8", "rank: 4")
    (clone.folder / "params.yaml").write_text(changed)
    plan = clone.dry_run()
    assert "adapt_model" in plan and "build_model" not in plan, "Snakemake compares from here on"


def test_what_is_stale_stays_absent_and_what_is_here_is_kept(published: Published, tmp_path: Path) -> None:
    clone = published.clone(tmp_path / "clone")
    params = clone.folder / "params.yaml"
    params.write_text(params.read_text().replace("rank: 8", "rank: 4"))
    own = clone.folder / "data/tiny/datasets/crowd/train.parquet"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    done = clone.crossmodal("restore")
    assert done.returncode == 1 and "tampered build_dataset dataset=crowd" in done.stdout
    assert own.read_text() == "mine"
    own.unlink()
    done = clone.crossmodal("restore")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone.folder / "results/tiny/adaptation/full/s0/adapter_model.safetensors").exists()
    assert not (clone.folder / "results/tiny/adaptation/lora-r8-pgd").exists()
    assert not (clone.folder / "results/tiny/metrics.parquet").exists()
    plan = clone.dry_run()
    assert "cell=lora-r8-pgd" in plan and "cell=full" not in plan and "build_model" not in plan


def test_a_file_edited_together_with_its_manifest_is_not_believed(
    published: Published, tmp_path: Path
) -> None:
    clone = published.clone(tmp_path / "clone")
    assert clone.crossmodal("restore").returncode == 0
    card = clone.folder / "results/tiny/adaptation/full/s0/card.json"
    path = card.with_name("manifest.json")
    card.write_text(card.read_text() + "\n")
    manifest = json.loads(path.read_text())
    manifest["outputs"]["card"][0] |= {"md5": md5(card), "bytes": card.stat().st_size}
    path.write_text(render_manifest(manifest))
    line = "manifest: outputs.card differs from what was published of the same run"
    for command in (["audit", "--all"], ["restore"]):
        done = clone.crossmodal(*command)
        assert done.returncode == 1 and line in done.stdout, done.stdout + done.stderr
    assert card.exists(), "what is here is kept"


def test_without_a_remote_one_line_says_what_is_missing(published: Published, tmp_path: Path) -> None:
    clone = published.clone(tmp_path / "clone")
    assert clone.run("-m", "dvc", "remote", "remove", "folder").returncode == 0
    done = clone.crossmodal("restore")
    assert done.returncode == 1 and "missing" not in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "are neither in DVC's cache nor anywhere else, as no remote is set; `dvc remote add" in line


def test_a_study_that_is_not_published_cannot_be_restored(project) -> None:
    done = project.crossmodal("restore")
    assert (
        done.stderr
        == "error: ledger.jsonl: says nothing of study 'tiny'; only a published study is restored\n"
    )
