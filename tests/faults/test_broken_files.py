"""Truncated files: the job that reads one names it in one line, the audit finds it, `rm` and a run mend it."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RESULTS = "results/tiny"
CELL = "lora-r8-pgd/s0"
DATASET = "data/tiny/datasets/outlines/test.parquet"
EMBEDDINGS = f"{RESULTS}/embeddings/{CELL}/outlines/test/clean/images.parquet"
ADAPTER = f"{RESULTS}/adaptation/{CELL}/adapter_model.safetensors"
INDEX = f"{RESULTS}/search/{CELL}/own/ivf-pq/r0/index.faiss"
ANSWERS = f"{RESULTS}/evaluation/search/{CELL}/r0"
MANIFEST = f"{RESULTS}/metrics.manifest.json"

READERS = {
    DATASET: "data/tiny/shifts/resolution-16/outlines/test.manifest.json",
    EMBEDDINGS: f"{RESULTS}/evaluation/retrieval/{CELL}/target.manifest.json",
    ADAPTER: f"{RESULTS}/embeddings/{CELL}/target.manifest.json",
    f"{RESULTS}/models/base/open_clip_model.safetensors": f"{RESULTS}/adaptation/{CELL}/manifest.json",
    f"{RESULTS}/models/base/open_clip_config.json": f"{RESULTS}/adaptation/{CELL}/manifest.json",
    f"{RESULTS}/reranking/{CELL}/rerank/r0/weights.safetensors": f"{ANSWERS}/manifest.json",
    INDEX: f"{ANSWERS}/manifest.json",
    INDEX.replace("index.faiss", "card.json"): f"{ANSWERS}/manifest.json",
    f"{ANSWERS}/queries.parquet": f"{RESULTS}/numbers/search.manifest.json",
    f"{ANSWERS}/record.json": f"{RESULTS}/numbers/search.manifest.json",
    MANIFEST: f"{RESULTS}/report/manifest.json",
    f"{RESULTS}/numbers/cells.parquet": f"{RESULTS}/sections/peft.manifest.json",
    f"{RESULTS}/numbers/search.parquet": MANIFEST,
    f"{RESULTS}/sections/peft.json": f"{RESULTS}/report/manifest.json",
    f"{RESULTS}/evaluation/encoders/0/latency.json": f"{RESULTS}/numbers/peft.manifest.json",
    f"{RESULTS}/evaluation/attacks/{CELL}/sanity.json": f"{RESULTS}/sections/robustness.manifest.json",
    f"{RESULTS}/evaluation/search/{CELL}/times/0.json": f"{RESULTS}/numbers/search.manifest.json",
    f"{RESULTS}/evaluation/retrieval/{CELL}/outlines/test/clean/queries.parquet": (
        f"{RESULTS}/numbers/cells.manifest.json"
    ),
    f"{RESULTS}/metrics.parquet": f"{RESULTS}/report/manifest.json",
    f"{RESULTS}/hypotheses.json": f"{RESULTS}/report/manifest.json",
}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_the_reader_names_the_broken_file(finished, tmp_path: Path, one_line: Callable) -> None:
    for number, (path, reader) in enumerate(READERS.items()):
        broken = finished.folder / path
        whole = broken.read_bytes()
        for content in [whole[: len(whole) // 2], *([b""] if path in (DATASET, MANIFEST) else [])]:
            broken.write_bytes(content)
            before = finished.digests()
            out = tmp_path / f"{number}-{len(content)}"
            places = {"checkpoints": str(out / "checkpoints")} if "adaptation" in reader else {}
            done = finished.job(reader, out, **places)
            one_line(done, path, "again" if "/search/" in path else "remove it and run again")
            assert finished.digests() == before
            assert [p.name for p in out.rglob("*") if p.is_file()] == []
        broken.write_bytes(whole)


def test_the_audit_finds_them_and_a_run_mends_them(finished, reference) -> None:
    broken = [DATASET, EMBEDDINGS, ADAPTER, INDEX]
    for path in broken:
        truncate(finished.folder / path)
    audited = finished.audit()
    assert audited.returncode == 1
    for path in broken:
        assert f"{path}: recorded" in audited.stdout
    assert f"{len(broken)} tampered" in audited.stdout
    truncate(finished.folder / MANIFEST)
    audited = finished.audit()
    assert audited.returncode == 1
    assert audited.stderr.strip().startswith(f"error: {MANIFEST}: not a manifest")
    assert audited.stderr.strip().endswith(f"`rm {MANIFEST}` and run the study again")
    for path in (*broken, MANIFEST):
        (finished.folder / path).unlink()
    done = finished.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    reference.assert_equal(finished)


def test_a_failed_job_shows_its_line_and_loses_nothing_upstream(finished, reference) -> None:
    """Through Snakemake: its own message holds the job's line."""
    (finished.folder / f"{ANSWERS}/manifest.json").unlink()
    truncate(finished.folder / INDEX)
    before = finished.digests()
    done = finished.snakemake()
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert f"error: {INDEX}: has " in shown and "truncated" in shown and "Traceback" not in shown
    after = finished.digests()
    lost = {path for path in before if path not in after}
    assert all(path.startswith(ANSWERS) for path in lost), lost
    assert {path: digest for path, digest in before.items() if path in after} == after
    (finished.folder / INDEX).unlink()
    done = finished.snakemake()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    reference.assert_equal(finished)
