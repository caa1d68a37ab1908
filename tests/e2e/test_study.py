"""The finished tiny study: its numbers, verdicts, manifests and pages."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from crossmodal.provenance.digests import md5
from crossmodal.provenance.ledger import entries
from crossmodal.provenance.manifest import read_manifest
from crossmodal.statistics.numbers import read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_every_cell_has_numbers_with_intervals(project) -> None:
    numbers = {n.number_id: n for n in read_numbers(project.folder / "results/tiny/metrics.parquet")}
    images = pq.read_metadata(project.folder / "data/tiny/datasets/outlines/test.parquet").num_rows
    for cell in ("zero-shot", "full", "lora-r8-pgd"):
        for direction in ("text_to_image", "image_to_text"):
            number = numbers[f"peft/{cell}/s0/outlines/test/clean/{direction}/recall@10"]
            assert number.ci_low <= number.value <= number.ci_high
            assert number.n_queries == {"text_to_image": 5 * images, "image_to_text": images}[direction]


def test_attacked_queries_ask_in_the_direction_of_their_threat(project) -> None:
    files = sorted((project.folder / "results/tiny/evaluation/attacks").rglob("queries.parquet"))
    asked = {path.parent.name: set(pq.read_table(path)["direction"].to_pylist()) for path in files}
    assert asked == {
        "query-image-0": {"image_to_text"}, "query-image-8of255": {"image_to_text"},
        "text-0": {"text_to_image"}, "text-0.1": {"text_to_image"},
    }  # fmt: skip


def test_hypotheses_follow_the_rule(project) -> None:
    entries = json.loads((project.folder / "results/tiny/hypotheses.json").read_text())
    assert {entry["id"].split(".")[0] for entry in entries} >= {"H1", "H2", "H3"}
    known = {n.number_id for n in read_numbers(project.folder / "results/tiny/metrics.parquet")}
    for entry in entries:
        assert entry["verdict"] in ("supported", "refuted", "inconclusive")
        assert set(entry["number_ids"]) <= known


def test_manifests_hold_for_every_file(project) -> None:
    """Every output of every job is what its manifest says, and so is every input that a job wrote."""
    manifests = sorted((project.folder / "results/tiny").rglob("*manifest.json"))
    manifests += sorted((project.folder / "data/tiny").rglob("*manifest.json"))
    assert len(manifests) > 30
    for path in manifests:
        manifest = read_manifest(path)
        for entry in [*entries(manifest, "inputs"), *entries(manifest, "outputs")]:
            assert md5(project.folder / entry["path"]) == entry["md5"], (path, entry["path"])


def test_no_pickle_and_nothing_half_written_is_left(project) -> None:
    files = [p for folder in ("data", "results") for p in (project.folder / folder).rglob("*")]
    assert not [p for p in files if p.suffix in (".pt", ".pth", ".pkl", ".bin") or ".partial" in p.name]
    assert not list((project.folder / "results/tiny/checkpoints").rglob("*.safetensors"))
    assert not list(project.folder.glob("<*")), "a path with an unresolved name"


def test_clip_benchmark_layout(project) -> None:
    rows = json.loads((project.folder / "results/tiny/clip_benchmark.json").read_text())
    assert all({"dataset", "model", "pretrained", "task", "metrics", "language"} <= set(row) for row in rows)


def test_snakemake_report_can_be_written(project, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = project.snakemake("--report", str(page))
    assert done.returncode == 0, done.stderr[-3000:]
    assert page.stat().st_size > 10_000


def test_a_merged_model_opens_in_open_clip(project) -> None:
    import open_clip

    target = "results/tiny/merged/lora-r8-pgd/s0/open_clip_model.safetensors"
    done = project.snakemake(target)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = (project.folder / target).parent
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    assert model.visual.image_size in (32, (32, 32))
