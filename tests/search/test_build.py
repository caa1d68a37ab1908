"""Indexes of every kind find what exhaustive search finds, are the same each time and in parts as at once."""

import faiss
import numpy as np
import pytest

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.search.build import build_index, fill_index, train_index, write_index
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.merging import merge_indexes
from crossmodal.search.points import Point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import store_of

D = 16
KINDS = {
    "flat": {"kind": "flat"},
    "ivf_pq": {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 6},
    "fast_scan": {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 4, "fast_scan": True},
    "fast_scan_spread": {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 4, "fast_scan": True, "spread": 0.2},
    "graph_of_lists": {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 6, "coarse": "hnsw"},
    "opq": {"kind": "opq_ivf_pq", "nlist": 8, "m": 4, "bits": 5, "alternations": 2},
    "opq_fast_scan": {
        "kind": "opq_ivf_pq", "nlist": 8, "m": 4, "bits": 4, "fast_scan": True, "alternations": 2,
    },
    "spread": {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 6, "spread": 0.2},
    "opq_narrow": {
        "kind": "opq_ivf_pq", "nlist": 8, "m": 4, "bits": 5, "dimensions": 8, "spread": 0.2, "alternations": 2,
    },
    "rabitq": {"kind": "ivf_rabitq", "nlist": 8},
    "rabitq4": {"kind": "ivf_rabitq", "nlist": 8, "bits": 4},
    "hnsw": {"kind": "hnsw", "links": 8},
    "hnsw_sq8": {"kind": "hnsw", "links": 8, "storage": "sq8"},
}  # fmt: skip
MERGED = [name for name in KINDS if not name.startswith("hnsw")]


def parsed(name, **changes):
    return registry.parse("search", KINDS[name] | changes)


def widest(params, count):
    """Return the point that looks furthest."""
    return points_of(params, count)[-1]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_exact_when_it_looks_everywhere_and_refines_all(unit, tmp_path, name):
    vectors, queries = unit(400, D), unit(30, D, 1)
    params = parsed(name, refinement={"precision": "float16"})
    store = store_of(vectors)
    card = build_index(store, params, 0, tmp_path / "i")
    searcher = Searcher(read_index(tmp_path / "i"), store, params, widest(params, 400))
    scores, positions = searcher.search(queries, 10)
    exact = exhaustive(store, queries, 10)
    if name.startswith("hnsw"):
        assert (positions == exact[1]).mean() > 0.95
    else:
        np.testing.assert_array_equal(positions, exact[1])
        np.testing.assert_allclose(scores, exact[0], atol=1e-5)
    assert card["items"] == searcher.count == 400 and card["dimension"] == D
    assert sum(n for part, n in card["bytes"].items() if part != "file") == card["bytes"]["file"]
    assert card["bytes"]["file"] == (tmp_path / "i").stat().st_size and card["bytes"]["other"] >= 0
    assert registry.parse("search", card["parameters"]) == params


def test_what_fast_scan_fills_up_is_memory_and_so_is_the_correction(unit, tmp_path):
    store, bank = store_of(unit(300, D)), unit(50, D, 1)
    values = {"kind": "ivf_pq", "nlist": 4, "m": 4, "bits": 4}
    plain, fast = (
        build_index(store, registry.parse("search", values | changes), 0, tmp_path / name)["bytes"]
        for name, changes in (("plain", {}), ("fast", {"fast_scan": True}))
    )
    assert plain["codes"] == 300 * 2 and plain["codes"] < fast["codes"] <= (300 + 4 * 31) * 2
    assert fast["codes"] % (32 * 2) == 0 and "bias" not in plain
    params = registry.parse("search", values | {"nnn": {"k": 5}})
    card = build_index(store, params, 0, tmp_path / "nnn", bank=bank)
    assert card["bytes"]["bias"] == 4 * 300
    assert (tmp_path / "bias.npy").stat().st_size == card["bytes"]["bias"] + 128


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_bytes(unit, tmp_path, name):
    store = store_of(unit(300, D))
    for file, seed in (("a", 0), ("b", 0), ("c", 1)):
        build_index(store, parsed(name), seed, tmp_path / file)
    first, again, other = ((tmp_path / file).read_bytes() for file in "abc")
    assert first == again
    assert (first != other) == (name != "flat")


@pytest.mark.parametrize("name", MERGED)
def test_parts_merge_to_the_index_that_is_filled_at_once(unit, tmp_path, name):
    vectors, queries = unit(300, D), unit(20, D, 1)
    params = parsed(name)
    write_index(train_index(vectors, params, 300, 0), tmp_path / "trained")
    parts = []
    for number, (start, stop) in enumerate([(0, 101), (101, 102), (102, 102), (102, 300)]):
        part = fill_index(faiss.read_index(str(tmp_path / "trained")), [vectors[start:stop]])
        parts.append(tmp_path / f"part{number}")
        write_index(part, parts[-1])
    merge_indexes(tmp_path / "trained", parts, tmp_path / "merged")
    merge_indexes(tmp_path / "trained", parts, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "merged").read_bytes()
    whole = fill_index(faiss.read_index(str(tmp_path / "trained")), [vectors])
    write_index(whole, tmp_path / "whole")
    if "fast_scan" not in name:  # the unused places of its blocks are not initialised
        assert (tmp_path / "merged").stat().st_size == (tmp_path / "whole").stat().st_size
    point = widest(params, 300)
    for mapped in (True, False):
        one, other = (
            Searcher(read_index(tmp_path / file, mapped=mapped), None, params, point).search(queries, 20)
            for file in ("merged", "whole")
        )
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_allclose(one[0], other[0], atol=1e-5)  # blocks of other sizes round otherwise
    assert not list(tmp_path.glob("*.partial"))


def test_a_graph_and_parts_of_another_index_are_not_merged(unit, tmp_path):
    vectors = unit(300, D)
    for file, name, seed in (("graph", "hnsw", 0), ("one", "ivf_pq", 0), ("two", "ivf_pq", 1)):
        write_index(train_index(vectors, parsed(name), 300, seed), tmp_path / file)
    with pytest.raises(UserError, match="graph cannot be merged"):
        merge_indexes(tmp_path / "graph", [], tmp_path / "out")
    write_index(fill_index(faiss.read_index(str(tmp_path / "two")), [vectors]), tmp_path / "part")
    with pytest.raises(UserError, match="part: not a part of this index"):
        merge_indexes(tmp_path / "one", [tmp_path / "part"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_recall_rises_with_probes_with_code_length_and_with_refinement(unit, tmp_path):
    vectors = unit(1500, 32)
    queries = vectors[:200] + 0.4 * unit(200, 32, 1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    exact = exhaustive(store_of(vectors), queries, 10)[1]

    def recall(point, **changes):
        params = parsed("ivf_pq", **changes)
        build_index(store_of(vectors), params, 0, tmp_path / "i")
        store = store_of(vectors) if params.refinement else None
        found = Searcher(read_index(tmp_path / "i"), store, params, point).search(queries, 10)[1]
        return np.mean(
            [len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
        )

    everywhere = Point(nprobe=8)
    narrow, whole, finer = recall(Point(nprobe=1)), recall(everywhere), recall(everywhere, m=32)
    assert 0.05 < narrow < whole < finer < 1
    assert whole + 0.2 < recall(Point(nprobe=8, k_factor=8.0), refinement={})


@pytest.mark.parametrize("name", ["ivf_pq", "opq"])
def test_m_must_divide_the_dimension(unit, tmp_path, name):
    with pytest.raises(UserError, match=r"m=\d .*dimension 22"):
        build_index(store_of(unit(300, 22)), parsed(name), 0, tmp_path / "i")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kept", "told"), [(6, "m=4 must divide the dimension 6"), (20, "16 dimensions have no 20 to keep")]
)
def test_what_a_rotation_keeps_fits_the_vectors(unit, tmp_path, kept, told):
    with pytest.raises(UserError, match=told):
        build_index(store_of(unit(300, D)), parsed("opq_narrow", dimensions=kept), 0, tmp_path / "i")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("changes", "needed"), [({}, 64), ({"nlist": 70}, 70), ({"bits": 8}, 256)])
def test_too_few_training_vectors_are_refused_with_the_numbers(unit, tmp_path, changes, needed):
    params = parsed("ivf_pq", **changes)
    with pytest.raises(UserError, match=rf"\b{needed - 1} training vectors.*at least {needed}\b"):
        build_index(store_of(unit(needed - 1, D)), params, 0, tmp_path / "i")
    assert not list(tmp_path.iterdir())
    build_index(store_of(unit(needed, D)), params, 0, tmp_path / "i")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_a_user_error(unit, tmp_path, name, share):
    build_index(store_of(unit(300, D)), parsed(name), 0, tmp_path / "i")
    data = (tmp_path / "i").read_bytes()
    (tmp_path / "cut.faiss").write_bytes(data[: int(len(data) * share)])
    for mapped in (True, False):
        with pytest.raises(UserError, match=r"cut\.faiss"):
            read_index(tmp_path / "cut.faiss", mapped=mapped)
