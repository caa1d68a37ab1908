"""Galleries hold no distractor that would be a right answer."""

import numpy as np
import pytest

from crossmodal import registry
from crossmodal.search.build import fill_index, train_index
from crossmodal.search.gallery import assemble, find_candidates
from crossmodal.search.points import Point
from crossmodal.search.searcher import Searcher


@pytest.fixture
def flat():
    def index(vectors):
        params = registry.parse("search", {"kind": "flat"})
        return Searcher(
            fill_index(train_index(vectors, params, len(vectors), 0), [vectors]), None, params, Point()
        )

    return index


def test_the_target_comes_first_and_its_labels_only_there(unit, embeddings):
    own = embeddings(unit(3, 4), ["a", "b", "c"], labels=["cat", "dog", "cat"])
    first = embeddings(unit(3, 4, 1), ["d", "e", "f"], labels=["dog", "fish", "owl"])
    second = embeddings(unit(2, 4, 2), ["g", "h"], labels=["cat", "fish"])
    gallery = assemble(own, [first, second])
    assert gallery.ids == ["a", "b", "c", "e", "f", "h"]
    assert gallery.labels == ["cat", "dog", "cat", "fish", "owl", "fish"]
    assert gallery.origins.tolist() == [0, 0, 0, 1, 1, 2]
    expected = np.concatenate([own.vectors, first.vectors[1:], second.vectors[1:]])
    np.testing.assert_array_equal(gallery.vectors, expected)
    assert gallery.vectors.flags.c_contiguous and gallery.vectors.dtype == np.float32


def test_no_distractors_is_a_gallery_too(unit, embeddings):
    own = embeddings(unit(3, 4), ["a", "b", "c"])
    assert assemble(own, []).ids == own.ids


def test_candidates_are_best_first_and_know_what_is_relevant(unit, embeddings, flat):
    own = embeddings(unit(20, 8), [f"i{i}" for i in range(20)], labels=[f"l{i % 7}" for i in range(20)])
    gallery = assemble(own, [])
    captions = embeddings(
        unit(11, 8, 1), [f"q{i}" for i in range(11)], labels=[f"l{i % 9}" for i in range(11)]
    )
    found = find_candidates(flat(gallery.vectors), gallery, captions, 30)
    assert found.positions.shape == found.scores.shape == found.relevant.shape == (11, 20)
    assert (np.diff(found.scores, axis=1) <= 0).all() and found.rows.tolist() == list(range(11))
    for q in range(11):
        for place, position in enumerate(found.positions[q]):
            assert found.relevant[q, place] == (gallery.labels[position] == captions.labels[q])


def test_what_an_index_does_not_find_is_never_relevant(unit, embeddings):
    class Empty:
        def search(self, queries, k):
            shape = (len(queries), k)
            return np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)

    own = embeddings(unit(3, 4), ["a", "b", "c"], labels=["", "x", "x"])
    captions = embeddings(unit(1, 4), ["q"], labels=[""])
    assert not find_candidates(Empty(), assemble(own, []), captions, 2).relevant.any()
