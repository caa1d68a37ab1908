"""The gallery: real items first, none that would be a right answer; drawn ones fill what is missing."""

import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.scale import draw_shard, fit_density, search_shard
from crossmodal.experiments.scale.answer import shares, table_of
from crossmodal.experiments.scale.asked import asking, read_found
from crossmodal.experiments.scale.found import read_answers
from crossmodal.experiments.scale.gather_real import gather, write_items
from crossmodal.models.embeddings import Embeddings, write_embeddings
from crossmodal.search.density import load_density
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.store import open_store, store_of, write_store
from crossmodal.statistics.settings import StatisticsParameters

D = 16
PARAMETERS = StatisticsParameters(resamples=200)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    faiss.omp_set_num_threads(1)


def unit(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, D)) * np.linspace(2, 0.2, D)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def embedded(name: str, labels: list[str], seed: int = 0, model: str = "m") -> Embeddings:
    ids = [f"{name}/{i}" for i in range(len(labels))]
    return Embeddings(ids, ids, labels, unit(len(labels), seed), {"model": model})


def test_real_items_are_the_targets_then_distractors_that_nobody_asks_for() -> None:
    own = embedded("own", ["a", "b"])
    sources = [embedded("one", ["a", "c", "d"], 1), embedded("two", ["b", "e"], 2)]
    vectors, rows = gather(own, sources, ["a", "b", "a"], seed=0)
    assert rows["id"][:2] == ["own/0", "own/1"] and set(rows["label"][2:]) == {"c", "d", "e"}
    assert rows["origin"][:2] == [0, 0] and set(rows["origin"][2:]) == {1, 2}
    for row, name in enumerate(rows["id"]):
        part = next(part for part in (own, *sources) if name in part.ids)
        assert np.array_equal(vectors[row], part.vectors[part.ids.index(name)])


def test_equal_vectors_stand_once_and_the_order_is_random_but_fixed() -> None:
    own, source = embedded("own", ["a"]), embedded("one", [f"l{i}" for i in range(50)], 1)
    source.vectors[7] = source.vectors[3]
    source.vectors[9] = own.vectors[0]
    vectors, rows = gather(own, [source], ["a"], seed=0)
    assert len(vectors) == len(rows["id"]) == 49 and "one/9" not in rows["id"]
    assert len({"one/3", "one/7"} & set(rows["id"])) == 1
    assert rows == gather(own, [source], ["a"], seed=0)[1] != gather(own, [source], ["a"], seed=1)[1]
    assert rows["id"][1:] != sorted(rows["id"][1:])
    assert gather(own, [], ["a"], seed=0)[1]["id"] == ["own/0"]


def test_sources_of_another_model_are_refused() -> None:
    with pytest.raises(UserError, match="another model"):
        gather(embedded("own", ["a"]), [embedded("one", ["b"], model="n")], ["a"], 0)


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Two hundred real items, ten of them the target's, a fitted density and captions of two splits."""
    write_store(tmp_path / "real.npy", [unit(200)], "float16")
    origins = [0] * 10 + [1] * 190
    labels = [f"l{i}" for i in range(200)]
    write_items(tmp_path / "items.parquet", {"id": labels, "label": labels, "origin": origins})
    for split, seed in (("test", 3), ("val", 4)):
        ids = [f"l{i % 10}#{i}" for i in range(40)]
        owners = [f"l{i % 10}" for i in range(40)]
        write_embeddings(tmp_path / f"{split}.parquet", ids, owners, owners, unit(40, seed), {"model": "m"})
    spec = {"seed": 0, "threads": 1}
    fit_density.main(
        tmp_path / "real.npy", tmp_path / "items.parquet", tmp_path / "val.parquet",
        tmp_path / "density.npz", tmp_path / "density.json", spec,
    )  # fmt: skip
    return tmp_path


def shard(folder: Path, number: int, first: int, count: int) -> Path:
    path = folder / f"{number}.npy"
    spec = {"parameters": {"first": first, "count": count}, "wildcards": {"shard": str(number)}, "seed": 0}
    draw_shard.main(folder / "real.npy", folder / "density.npz", path, spec)
    return path


def test_shards_are_the_real_items_and_then_drawn_ones(gallery: Path) -> None:
    paths = [shard(gallery, number, first, 150) for number, first in enumerate((0, 150, 300))]
    store = open_store(paths)
    assert store.count == 450
    rows = store.rows(np.arange(450))
    assert np.array_equal(rows[:200], open_store([gallery / "real.npy"]).rows(np.arange(200)))
    assert np.allclose(np.linalg.norm(rows[200:], axis=1), 1, atol=2e-3)
    assert len(np.unique(rows, axis=0)) == 450, "no drawn item is another one"
    again = shard(gallery, 1, 150, 150).read_bytes()
    assert again == paths[1].read_bytes()


def test_the_density_is_of_distractors_alone_and_compared_with_what_it_has_not_seen(gallery: Path) -> None:
    density, written = (
        load_density(gallery / "density.npz"),
        json.loads((gallery / "density.json").read_text()),
    )
    assert len(density.vectors) == written["vectors"] == 190
    assert set(written["real"]) == set(written["drawn"]) == set(written["other"])
    assert written["drawn"]["norm"] == pytest.approx(1) and "query_10" in written["real"]
    assert written["drawn_from"] == {"times": 2}, "two for each of 32 that it was fitted to, beside 64 and 64"


def test_exhaustive_search_by_shards_is_that_of_the_whole(gallery: Path) -> None:
    paths = [shard(gallery, number, first, 150) for number, first in enumerate((0, 150, 300))]
    values = {"queries": None, "depth": 12}
    for number, path in enumerate(paths):
        spec = {"parameters": values | {"first": 150 * number}, "seed": 0}
        files = (gallery / "test.parquet", gallery / "val.parquet", gallery / f"{number}.npz")
        search_shard.main(path, *files, spec)
    found = [gallery / f"{number}.npz" for number in range(3)]
    for split in ("test", "val"):
        queries = asking(gallery / f"{split}.parquet", None, 0).vectors
        for size in (150, 300, 450):
            whole = exhaustive(store_of(open_store(paths).rows(np.arange(size))), queries, 12)
            scores, positions = read_found(found[: size // 150], split)
            assert np.array_equal(positions, whole[1]) and np.allclose(scores, whole[0], atol=1e-5)
    (gallery / "0.npz").write_bytes(b"nothing")
    with pytest.raises(UserError, match="no results of a search"):
        read_found(found, "test")


def test_the_captions_that_ask_are_drawn_once_for_all_jobs(gallery: Path) -> None:
    some, same = (asking(gallery / "test.parquet", 7, 3) for _ in range(2))
    assert some.ids == same.ids and len(some.ids) == 7 and np.array_equal(some.vectors, same.vectors)
    assert len(asking(gallery / "test.parquet", 1000, 3).ids) == 40


def test_answers_count_labels_of_real_items_and_losses_are_against_exhaustive_search(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels = ["a", "b", "c"]  # of the first three items; the others are drawn
    exact = np.array([[0, 5, 2], [1, 4, 3]])
    found = np.array([[9, 5, 0], [4, -1, -1]])
    assert np.allclose(shares(found, exact), [2 / 3, 1 / 3])
    ids, owners, asked = ["a#0", "b#0"], ["a", "b"], ["a", "b"]
    tables = [
        table_of(name, ids, owners, asked, positions, exact, labels)
        for name, positions in (("exhaustive", exact), ("index", found), ("index+exact+rerank", found))
    ]
    assert tables[1].column("recall@1").to_pylist() == [0, 0]
    assert tables[1].column("recall@5").to_pylist() == [1, 0], "a drawn item is never right"
    pq.write_table(pa.concat_tables(tables), tmp_path / "answers.parquet")
    result = read_answers(tmp_path / "answers.parquet", "lora-r8", len(labels), PARAMETERS)
    assert result["exhaustive"]["recall@1"].value == 1 and "index_recall@10" not in result["exhaustive"]
    assert result["index"]["index_recall@10"].value == pytest.approx(0.5)
    shares_drawn = [result[name]["synthetic_share@10"].value for name in ("exhaustive", "index")]
    assert shares_drawn == pytest.approx([(1 + 2) / 6, (2 + 1) / 6]), "what is not there is not drawn"
    assert result["index"]["loss_recall@10"].value == pytest.approx(0.5)
    assert "index_recall@10" not in result["index+exact+rerank"], (
        "a re-ranker may take others with good reason"
    )
    assert result["index"]["recall@10"].clusters == 2
