"""The experiment from end to end: a tiny study with galleries of two sizes, the larger one partly drawn."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from tests.e2e.conftest import Project

from crossmodal.search.store import open_store
from crossmodal.statistics.numbers import read_numbers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WITHOUT = {"peft": None, "robustness": None, "search": None, "probes": None}
SCALE = {
    "cell": "lora-r8", "sizes": [200, 600], "sources": ["crowd"], "shard": 250,
    "index": {"kind": "ivf_pq", "nlist": 4, "m": 8, "bits": 4, "refinement": {"precision": "float16"}},
    "reranker": None, "hnsw": {"kind": "hnsw", "links": 8}, "hnsw_up_to": 200, "exhaustive_up_to": 600,
    "latency": {"warm_up": 2, "measured": 40, "batches": [1, 8], "processes": 2},
}  # fmt: skip
PLACE = "scale/lora-r8/s*/outlines/test/{}/text_to_image/{}"


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny study with this experiment alone, finished."""
    project = Project(tmp_path_factory.mktemp("scaled"), "studies/tiny.yaml")
    path = project.folder / project.overlay
    overlay = yaml.safe_load(path.read_text()) | WITHOUT | {"scale": SCALE}
    cells = overlay["adaptation"]["cells"]
    kept = {"zero-shot": {}, "lora-r8": {"method": {"kind": "lora", "rank": 8}}}
    overlay["adaptation"]["cells"] = dict.fromkeys([*cells, "full", "lora-r8-pgd"]) | kept
    overlay["report"] = {"gallery_cell": "lora-r8"}
    path.write_text(yaml.safe_dump(overlay, sort_keys=False))
    done = project.snakemake()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return project


def test_both_sizes_are_measured_and_say_how_many_items_are_drawn(scaled: Project) -> None:
    results = scaled.folder / "results/tiny"
    numbers = {number.number_id: number for number in read_numbers(results / "metrics.parquet")}
    real = pq.read_table(results / "scale/lora-r8/s0/items.parquet").num_rows
    assert 200 < real < 600
    for size, drawn in ((200, 0), (600, 600 - real)):
        for system in ("index", "index+exact", "exhaustive"):
            assert numbers[PLACE.format(f"{system}@{size}", "items_synthetic")].value == drawn
            assert numbers[PLACE.format(f"{system}@{size}", "latency_p99")].ci_low is not None
            assert numbers[PLACE.format(f"{system}@{size}", "recall@10")].value is not None
        assert numbers[PLACE.format(f"index+exact@{size}", "index_recall@10")].value > 0.8
        assert numbers[PLACE.format(f"index+exact@{size}", "latency_refine_p50")].value > 0
    assert (
        PLACE.format("hnsw@200", "latency_p50") in numbers
        and PLACE.format("hnsw@600", "items") not in numbers
    )
    assert numbers[PLACE.format("drawn", "density_norm")].value == pytest.approx(1)


def test_the_index_holds_every_shard_in_order(scaled: Project) -> None:
    import faiss

    run = scaled.folder / "results/tiny/scale/lora-r8/s0"
    shards = sorted((run / "shards").glob("*.npy"), key=lambda path: int(path.stem))
    assert open_store(shards).count == 600
    index = faiss.read_index(str(run / "600/index.faiss"))
    assert index.ntotal == 600
    lists = faiss.extract_index_ivf(index).invlists
    ids = [i for n in range(4) for i in faiss.rev_swig_ptr(lists.get_ids(n), lists.list_size(n)).tolist()]
    assert sorted(ids) == list(range(600))


def test_the_page_and_the_verdicts_speak_of_it_and_the_audit_believes_it(scaled: Project) -> None:
    results = scaled.folder / "results/tiny"
    page = (results / "report/index.html").read_text()
    assert "as the gallery grows to ten million items" in page and "synthetic" in page
    judged = {row["id"]: row for row in json.loads((results / "hypotheses.json").read_text())}
    assert "Measured at 600 items" in judged["H3.latency"]["note"]
    assert "synthetic items" in judged["H3.recall"]["note"]
    audited = scaled.crossmodal("audit", "--all")
    assert audited.returncode == 0, audited.stdout[-3000:] + audited.stderr[-3000:]


def test_a_larger_gallery_keeps_what_was_made_for_a_smaller_one(
    scaled: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("larger") / "project"
    shutil.copytree(scaled.folder, folder, symlinks=True)
    larger = Project.__new__(Project)
    larger.folder, larger.overlay, larger.environment = folder, scaled.overlay, {}
    assert larger.stale() == set()
    path = Path(folder, larger.overlay)
    overlay = yaml.safe_load(path.read_text())
    overlay["scale"]["sizes"].append(800)
    path.write_text(yaml.safe_dump(overlay, sort_keys=False))
    stale = larger.stale()
    run = "lora-r8 0"
    assert {f"draw_shard {run} 3", f"fill_scale_index {run} 800 0", f"fill_scale_index {run} 800 3"} <= stale
    assert not [job for job in stale if job.startswith(f"draw_shard {run}") and not job.endswith(" 3")]
    assert not [job for job in stale if f"{run} 200" in job or f"{run} 600" in job]
    (folder / "results/tiny/scale/lora-r8/s0/shards/1.npy").unlink()
    assert f"draw_shard {run} 1" in larger.stale(), "a shard that is missing is drawn again"
