"""A second stage on validation: the wanted image stands where an exhaustive order would have it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.experiments.scale.judge_stage import put_in, without
from crossmodal.experiments.scale.judged import kept, read_judged
from crossmodal.experiments.scale.likeness import like
from crossmodal.experiments.scale.ranks import ABSENT, ranks_of
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.store import VectorStore, store_of
from crossmodal.statistics.settings import StatisticsParameters

PARAMETERS = StatisticsParameters(resamples=300, bootstrap_seed=1)


def unit(draw: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = draw.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@given(st.integers(0, 10_000), st.integers(3, 30), st.integers(1, 12))
def test_candidates_are_those_of_a_gallery_that_has_the_image_and_nothing_like_it(
    seed: int, items: int, depth: int
) -> None:
    draw = np.random.default_rng(seed)
    gallery, own, queries = unit(draw, items, 8), unit(draw, 4, 8), unit(draw, 4, 8)
    store = VectorStore([*store_of(gallery).parts, *store_of(own).parts])
    order = exhaustive(store_of(gallery), queries, items)[1]
    left_out = draw.random(order.shape) < 0.3
    kept = without(order, left_out, depth)
    scores = np.stack([store.scores(query, row) for query, row in zip(queries, kept, strict=True)])
    wanted = items + np.arange(4)
    scores, positions = put_in(scores, kept, store, queries, wanted)
    for row, query in enumerate(queries):
        there = [*order[row][~left_out[row]].tolist(), wanted[row]]
        slow = sorted(there, key=lambda place: -float(store.rows(np.array([place]))[0] @ query))
        assert positions[row].tolist() == [*slow, *[-1] * depth][: positions.shape[1]]
        held = positions[row] >= 0
        assert np.isneginf(scores[row][~held]).all() and (np.diff(scores[row][held]) <= 0).all()


def test_an_image_that_is_not_among_the_first_is_none_of_the_candidates() -> None:
    store = store_of(np.eye(4, dtype=np.float32))
    queries = np.array([[3, 2, 1, 0]], np.float32) / np.float32(np.sqrt(14))
    scores = (queries @ np.eye(4, dtype=np.float32))[:, [0, 2]]
    assert put_in(scores, np.array([[0, 2]]), store, queries, np.array([3]))[1].tolist() == [[0, 2]]
    assert put_in(scores, np.array([[0, 2]]), store, queries, np.array([1]))[1].tolist() == [[0, 1]]


def test_what_is_left_out_makes_room_for_what_comes_next() -> None:
    positions, left_out = np.array([[4, 7, 9, 2]]), np.array([[True, False, True, False]])
    assert without(positions, left_out, 2).tolist() == [[7, 2]]
    assert without(positions, left_out, 3).tolist() == [[7, 2, -1]]


def test_ranks_begin_at_one_and_what_is_not_there_has_none() -> None:
    positions = np.array([[4, 7, 9], [1, 2, 3], [5, -1, -1]])
    assert ranks_of(np.array([9, 8, 5]), positions).tolist() == [3, ABSENT, 1]


def test_items_without_a_label_are_like_nothing() -> None:
    found = like(np.array([[0, 1, 2, -1], [0, 1, 2, -1]]), ["cat", ""], ["cat", "dog"])
    assert found.tolist() == [[True, False, False, False], [False] * 4]


def write(path: Path, exact: list[int], staged: list[int]) -> Path:
    names = [f"i{place // 2}" for place in range(len(exact))]
    columns = {
        "query_id": list(map(str, range(len(exact)))),
        "cluster": names,
        "exact": exact,
        "rerank": staged,
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_numbers_are_means_over_captions_and_gains_are_paired(tmp_path: Path) -> None:
    exact, staged = [1, 2, 11, 0, 4, 1], [2, 1, 3, 0, 4, 1]
    found = read_judged(write(tmp_path / "judged.parquet", exact, staged), "lora", PARAMETERS)
    before, after = found["index+exact"], found["index+exact+rerank"]
    assert before["validation_mrr"].value == pytest.approx((1 + 1 / 2 + 1 / 11 + 1 / 4 + 1) / 6)
    assert before["validation_recall@10"].value == pytest.approx(4 / 6)
    gain = after["validation_gain_mrr"]
    assert gain.value == pytest.approx((1 / 3 - 1 / 11) / 6) and after[
        "validation_gain_recall@10"
    ].value == pytest.approx(1 / 6)
    assert gain.samples.max() <= 1 / 3 and kept(found)
    same = read_judged(write(tmp_path / "same.parquet", exact, exact), "lora", PARAMETERS)
    assert not kept(same) and not same["index+exact+rerank"]["validation_gain_mrr"].samples.any()
