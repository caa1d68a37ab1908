"""The benchmarks beside other libraries measure what they say, shown with a system of a few lines."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.models.embeddings import write_embeddings
from crossmodal.report.markdown import blocks
from crossmodal.search.store import write_store

ROOT = Path(__file__).parents[1]
BRUTE_FORCE = """
import sys
import numpy as np
from peers_protocol import serve
from peers_systems import Opened, Process, System

def build(vectors, folder, threads):
    if threads == 13:
        raise ValueError("thirteen threads")
    print("a library that prints")
    np.save(folder / "index.npy", vectors)

def open_(vectors, folder):
    own, half = np.load(folder / "index.npy"), {}
    def search(query, k):
        return np.argsort(-own[: len(own) // half["of"]] @ query)[:k]
    return Opened([{"of": 1}, {"of": 2}], {"default": {"of": 1}}, lambda point, k: half.update(point), search)

serve(Process(System("nothing", build, open_)))
"""


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests/benchmarks"))


@pytest.fixture
def worker(modules, tmp_path):
    from peers import Worker

    script = tmp_path / "brute_force.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'tests/benchmarks')!r})\n{BRUTE_FORCE}")
    with Worker(
        Path(sys.executable), str(script), "brute", 1, os.sched_getaffinity(0), tmp_path / "log.txt"
    ) as started:
        yield started


def test_recall_times_and_memory_of_a_system(worker, tmp_path) -> None:
    from search_measure import Run, take_turns

    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((20_000, 64), dtype=np.float32)
    queries = generator.standard_normal((150, 64), dtype=np.float32)
    paths = {name: str(tmp_path / f"{name}.npy") for name in ("vectors", "queries")}
    np.save(paths["vectors"], vectors)
    np.save(paths["queries"], queries)
    folder = tmp_path / "index"
    folder.mkdir()
    assert worker.ask("build", vectors=paths["vectors"], folder=str(folder), threads=1)["seconds"] > 0
    opened = worker.ask("open", folder=str(folder), **paths)
    assert opened["named"] == {"default": {"of": 1}} and opened["settings"] == "nothing"
    exact = np.argsort(-queries @ vectors.T, axis=1)[:, :100]
    whole, half = (Run("brute", "", point, 10, 150) for point in opened["points"])
    take_turns([whole, half], {"brute": worker}, exact)
    assert len(whole.times) == len(half.times) == 150
    assert whole.recall == 1
    assert half.recall == pytest.approx((exact[:, :10] < 10_000).mean())
    held = worker.ask("memory")["index"]
    assert vectors.nbytes <= held < 2 * vectors.nbytes


def test_a_system_that_fails_says_why(worker, tmp_path) -> None:
    np.save(tmp_path / "vectors.npy", np.ones((2, 2), np.float32))
    arguments = {"vectors": str(tmp_path / "vectors.npy"), "folder": str(tmp_path)}
    with pytest.raises(UserError, match=r"brute: build: ValueError: thirteen threads, see .*log\.txt"):
        worker.ask("build", threads=13, **arguments)
    assert worker.ask("build", threads=1, **arguments)["seconds"] >= 0
    worker.process.kill()
    with pytest.raises(UserError, match="brute: ended with"):
        worker.ask("memory")


def test_curves_hold_the_best_points(modules) -> None:
    from search_measure import Measured, Run, fastest, front

    def run(recall: float, milliseconds: float) -> Measured:
        return Run("x", "", {}, 10, 1, [milliseconds], [recall]).measured()

    slow, better, worse, fast = run(0.99, 4.0), run(0.9, 1.0), run(0.8, 2.0), run(0.5, 0.5)
    assert front([worse, fast, slow, better]) == [slow, better, fast]
    assert fastest([slow, better, worse], 0.85) is better
    assert fastest([better], 0.95) is None


def test_curves_are_a_picture(modules, tmp_path) -> None:
    from search_measure import Run
    from search_page import draw_curves

    curves = [
        Run(system, "", {}, k, 1, [1 / recall], [recall]).measured()
        for system in ("ours", "exact")
        for k in (10, 100)
        for recall in ((0.4, 0.9, 0.99) if system == "ours" else (1.0,))
    ]
    draw_curves(curves, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_what_was_measured_is_read_as_it_was_written(modules, tmp_path) -> None:
    from search_measure import Run
    from search_page import page_tables, read_measured, write_measured

    runs = [Run("ours", "default", {"ef": 10}, k, 2, [1.0, 3.0], [0.5, 1.0]).measured() for k in (10, 100)]
    costs = {"ours": {"memory": 2e6, "store": 0, "build": 60}}
    plain = {"about": "Two vectors", "count": 2, "processor": "abacus", "threads": 1, "costs": costs}
    document = plain | {"settings": {"ours": "beads"}, "versions": {}, "table": runs, "curves": runs}
    write_measured(tmp_path / "measured.json", document)
    assert read_measured(tmp_path / "measured.json") == document
    assert "| ours | default: ef 10 | 0.750 | 2.00 | 2.98 |" in page_tables(document)["search-peers"]


def test_the_page_of_performance_shows_what_was_measured(modules) -> None:
    from search_page import MEASURED, page_tables, read_measured

    shown = blocks(Path("docs/performance.md").read_text())
    tables = page_tables(read_measured(MEASURED))
    assert {name: shown[name].strip() for name in tables} == {name: tables[name].strip() for name in tables}


def test_vectors_of_other_images_are_not_compared(modules) -> None:
    from embed import cosines

    one = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
    assert cosines(one, {"a": np.array([0.6, 0.8]), "b": np.array([0.0, 1.0])}) == {"a": 0.6, "b": 1.0}
    with pytest.raises(UserError, match="1 images were embedded by one"):
        cosines(one, {"a": one["a"]})


def test_a_start_of_two_seconds_is_told_from_a_hundred_images_a_second(modules) -> None:
    from embed import Round

    one = Round(images=800, seconds=2 + 8.0, part=200, part_seconds=2 + 2.0)
    assert (one.rate, one.further_rate, one.start) == (80.0, 100.0, 2.0)


def test_what_is_drawn_has_unit_length_and_text_like_queries_lie_off_it(modules) -> None:
    from search_data import mixture, mixture_queries

    generator = np.random.default_rng(0)
    vectors, words = mixture(5000, generator)
    queries = mixture_queries(vectors, 100, generator)
    assert "5,000 synthetic vectors" in words
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    nearest = [np.sort(rows @ vectors.T, axis=1)[:, -2].mean() for rows in (queries, vectors[:100])]
    assert nearest[0] < nearest[1] - 0.1


def test_a_study_gives_real_vectors_and_its_captions(modules, tmp_path, monkeypatch) -> None:
    import search_data

    generator = np.random.default_rng(0)

    def unit(count: int) -> np.ndarray:
        vectors = generator.standard_normal((count, 16), dtype=np.float32) + 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    monkeypatch.chdir(tmp_path)
    made = Path("results/small/embeddings/full/s0")
    for dataset, split in (("one", "test"), ("one", "val"), ("two", "train")):
        folder = made / dataset / split / "clean"
        folder.mkdir(parents=True)
        for name, count in (("images", 60), ("captions", 120)):
            ids = [f"{dataset}/{split}/{i}" for i in range(count)]
            write_embeddings(folder / f"{name}.parquet", ids, ids, ids, unit(count), {})
    assert search_data.finished("small", "full") and not search_data.finished("small", "other")
    words = search_data.prepare(Path("searched"), 300, "small", "full")
    assert words.startswith("180 real images' vectors (small, full) and 120 synthetic ones")
    vectors, queries = (np.load(f"searched/{name}.npy") for name in ("vectors", "queries"))
    assert vectors.shape == (300, 16) and queries.shape == (120, 16)
    exact = np.load("searched/queries_exact.npy")
    assert (exact[:, 0] == (queries @ vectors.T).argmax(axis=1)).all()
    shards = Path("results/small/scale/full/s0/shards")
    shards.mkdir(parents=True)
    write_store(shards.parent / "real.npy", [unit(180)], "float16")
    for number in range(12):
        write_store(shards / f"{number}.npy", [np.full((50, 16), number, np.float32)], "float16")
    words = search_data.prepare(Path("larger"), 520, "small", "full")
    assert words.startswith("180 real images' vectors (small, full) and 340 synthetic ones")
    assert (np.load("larger/vectors.npy")[:, 0] == np.arange(520) // 50).all()


def test_the_page_has_a_place_for_each_table() -> None:
    places = blocks((ROOT / "docs/performance.md").read_text())
    scripts = ((ROOT / "tests/benchmarks" / f"{name}.py").read_text() for name in ("search_page", "embed"))
    named = {name for name in places if name.partition("-")[0] in ("search", "embed")}
    text = "".join(scripts)
    assert len(named) == 7 and all(f'"{name}":' in text for name in named)
