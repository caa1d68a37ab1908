"""Every bad input is one clear line, before anything is built."""

import numpy as np
import pytest

from crossmodal.errors import UserError
from crossmodal.search.checks import (
    check_ids,
    check_k,
    check_model,
    check_queries,
    check_vectors,
    checked,
)


def blocks(vectors, size=7):
    return (vectors[i : i + size] for i in range(0, len(vectors), size))


def spoilt(unit, row, value):
    vectors = unit(30, 8)
    vectors[row] = value
    return vectors


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (12, np.nan, "row 12 holds a NaN"),
        (29, np.inf, "row 29 holds a NaN or an infinity"),
        (3, 0, "row 3 is a zero vector"),
        (8, 3.5, r"row 8 has length 9\.899"),
    ],
)
def test_a_vector_that_cannot_be_indexed_is_named_by_its_row(unit, row, value, said):
    with pytest.raises(UserError, match=f"^file: {said}") as raised:
        check_vectors(blocks(spoilt(unit, row, value)), "file")
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match=said.replace(f"row {row}", "row 0")):
        check_queries(spoilt(unit, row, value)[row : row + 1], 8)


def test_half_precision_is_unit_length_and_lengths_may_be_free(unit):
    vectors = unit(100, 512).astype(np.float16).astype(np.float32)
    assert check_vectors(blocks(vectors), "file") == 100
    assert check_vectors(blocks(3 * vectors), "file", unit=False) == 100
    np.testing.assert_array_equal(np.concatenate(list(checked(blocks(vectors), "file"))), vectors)


@pytest.mark.parametrize(("times", "refused"), [(999, False), (1000, True)])
def test_a_thousand_identical_vectors_are_named(unit, times, refused):
    vectors = np.concatenate([unit(5, 9), np.repeat(unit(1, 9, 1), times, axis=0), unit(5, 9, 2)])
    if not refused:
        assert check_vectors(blocks(vectors), "file") == len(vectors)
        return
    with pytest.raises(UserError, match=r"file: 1000 identical vectors \(rows 5, 6, 7, \.\.\.\)"):
        check_vectors(blocks(vectors), "file")


def test_many_different_vectors_are_not_taken_for_equal(unit):
    near = np.round(unit(4000, 3) * 4) / 4
    near[np.linalg.norm(near, axis=1) == 0] = 1
    most = np.unique(near, axis=0, return_counts=True)[1].max()
    assert most < 1000
    assert check_vectors(blocks(near, 100), "file", unit=False) == 4000


def test_an_empty_gallery_is_refused():
    for given in ([], [np.empty((0, 4), np.float32)]):
        with pytest.raises(UserError, match="file: is empty"):
            check_vectors(given, "file")


def test_ids_are_there_once_for_each_vector():
    check_ids(["a", "b"], 2, "file")
    with pytest.raises(UserError, match=r'the id "a" is there 3 times \(rows 0, 2, 3\)'):
        check_ids(["a", "b", "a", "a"], 4, "file")
    with pytest.raises(UserError, match="2 ids for 3 vectors"):
        check_ids(["a", "b"], 3, "file")
    with pytest.raises(UserError, match="row 1 has an empty id"):
        check_ids(["a", ""], 2, "file")


@pytest.mark.parametrize("k", [0, -1, 21])
def test_more_results_than_items_are_refused(k):
    check_k(20, 20)
    with pytest.raises(UserError, match="of 20 items; ask for 1 to 20"):
        check_k(k, 20)


def test_an_index_of_another_model_is_refused():
    check_model({"model": "abc"}, "abc", "folder")
    for card in ({"model": "xyz"}, {}):
        with pytest.raises(UserError, match=r"folder: is of another model .*abc"):
            check_model(card, "abc", "folder")


def test_a_query_of_another_width_is_refused(unit):
    check_queries(unit(1, 8), 8)
    with pytest.raises(UserError, match="width 7, but the index holds vectors of 8"):
        check_queries(unit(1, 7), 8)
