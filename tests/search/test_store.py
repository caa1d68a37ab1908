"""Stores give back what was written, from memory, from one file and from several."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.errors import UserError
from crossmodal.search.exhaustive import exhaustive, merge_top
from crossmodal.search.store import VectorStore, open_store, scales_path, store_of, write_store


def stored(folder, vectors, precision, cuts):
    """Write `vectors` to files cut at `cuts`, each in blocks of 7."""
    paths = []
    for number, part in enumerate(np.split(vectors, cuts)):
        paths.append(folder / f"v{number}.npy")
        write_store(paths[-1], (part[i : i + 7] for i in range(0, max(len(part), 1), 7)), precision)
    return open_store(paths)


@given(
    n=st.integers(1, 40), d=st.integers(1, 9), cuts=st.lists(st.integers(0, 40), max_size=3),
    precision=st.sampled_from(["float16", "int8"]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=30)
def test_rows_are_those_that_were_written(tmp_path_factory, unit, n, d, cuts, precision, seed):
    vectors = unit(n, d, seed)
    cuts = sorted(min(cut, n) for cut in cuts)
    store = stored(tmp_path_factory.mktemp("store"), vectors, precision, cuts)
    assert (store.count, store.dimension) == (n, d)
    positions = np.random.default_rng(seed).integers(0, n, (3, 4))
    rows = store.rows(positions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, vectors[positions], atol=1 / 250 if precision == "int8" else 1e-3)
    blocks = list(store.blocks(6))
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), store.rows(np.arange(n)))
    assert [first for first, _ in blocks] == np.cumsum([0, *(len(block) for _, block in blocks)])[
        :-1
    ].tolist()
    found = np.array([0, -1, n - 1])
    scores = store.scores(vectors[0], found)
    np.testing.assert_allclose(scores[[0, 2]], store.rows(found[[0, 2]]) @ vectors[0], atol=1e-6)
    assert scores[1] == -np.inf


def test_numpy_reads_the_file_and_unit_vectors_stay_in_the_range_of_int8(tmp_path, unit):
    vectors = unit(10, 8)
    write_store(tmp_path / "a.npy", [vectors], "float16")
    loaded = np.load(tmp_path / "a.npy", mmap_mode="r")
    np.testing.assert_array_equal(loaded, vectors.astype(np.float16))
    write_store(tmp_path / "b.npy", [vectors, np.zeros((1, 8), np.float32)], "int8")
    loaded = np.load(tmp_path / "b.npy", mmap_mode="r")
    assert loaded.dtype == np.int8 and abs(loaded[:10]).max(axis=1).tolist() == [127] * 10
    assert not loaded[10].any()
    assert {path.name for path in tmp_path.iterdir()} == {"a.npy", "b.npy", "b.scales.npy"}


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_nothing_is_left_of_an_interrupted_write(tmp_path, unit, precision):
    def blocks():
        yield unit(3, 4)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_store(tmp_path / "v.npy", blocks(), precision)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.999])
def test_a_truncated_file_is_a_user_error(tmp_path, unit, share):
    write_store(tmp_path / "v.npy", [unit(50, 8)], "int8")
    for path in (tmp_path / "v.npy", scales_path(tmp_path / "v.npy")):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UserError, match=path.name):
            open_store([tmp_path / "v.npy"])
        path.write_bytes(data)
    assert open_store([tmp_path / "v.npy"]).count == 50


def test_what_is_no_table_of_vectors_is_a_user_error(tmp_path, unit):
    np.save(tmp_path / "words.npy", np.arange(5))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    write_store(tmp_path / "wide.npy", [unit(3, 5)], "float16")
    write_store(tmp_path / "narrow.npy", [unit(3, 4)], "float16")
    for name in ("words.npy", "objects.npy", "none.npy"):
        with pytest.raises(UserError, match=name):
            open_store([tmp_path / name])
    with pytest.raises(UserError, match=r"narrow\.npy: vectors of 4 dimensions beside 5 in wide\.npy"):
        open_store([tmp_path / "wide.npy", tmp_path / "narrow.npy"])
    with pytest.raises(UserError, match="no file"):
        open_store([])


@given(n=st.integers(1, 60), q=st.integers(1, 5), k=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_exhaustive_search_equals_a_stable_sort_of_all_scores(unit, n, q, k, seed):
    vectors = np.round(unit(n, 3, seed) * 2)  # many equal scores
    queries = np.round(unit(q, 3, seed + 1) * 2)
    scores, positions = exhaustive(store_of(vectors), queries, k)
    exact = queries @ vectors.T
    np.testing.assert_array_equal(positions, np.argsort(-exact, axis=1, kind="stable")[:, :k])
    np.testing.assert_array_equal(scores, np.take_along_axis(exact, positions, axis=1))
    cut = n // 2
    halves = [exhaustive(store_of(part), queries, k) for part in (vectors[:cut], vectors[cut:]) if len(part)]
    if len(halves) == 2:
        halves[1] = halves[1][0], halves[1][1] + cut
    merged = merge_top(halves, k)
    for mine, theirs in zip(merged, (scores, positions), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_blocks_and_files_make_no_difference_to_exhaustive_search(unit, monkeypatch):
    vectors, queries = unit(3000, 4), unit(23, 4, 1)
    whole = exhaustive(store_of(vectors), queries, 10)
    store = VectorStore([part for cut in np.split(vectors, [1, 700]) for part in store_of(cut).parts])
    monkeypatch.setattr("crossmodal.search.exhaustive.SCORES", 5000)
    for mine, theirs in zip(exhaustive(store, queries, 10), whole, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
