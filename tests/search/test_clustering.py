"""Centroids in one level and in two cover the vectors."""

import faiss
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal import registry
from crossmodal.search.build import sample_rows, train_index
from crossmodal.search.clustering import apportion, centroids, fast_codebooks, kmeans, nearest


def closeness(vectors, points):
    return (vectors * points[nearest(vectors, points)]).sum(axis=1).mean()


@pytest.mark.parametrize("nlist", [4, 7, 100])
def test_two_levels_are_nearly_as_close_as_one(unit, nlist):
    centres = unit(60, 8)
    vectors = centres[np.random.default_rng(0).integers(0, 60, 3000)] + 0.1 * unit(3000, 8, 1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one, two = (centroids(vectors, nlist, two_level=levels, seed=0) for levels in (False, True))
    for found in (one, two):
        assert found.shape == (nlist, 8) and found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    at_random = closeness(vectors, vectors[np.random.default_rng(1).permutation(3000)[:nlist]])
    assert closeness(vectors, two) > at_random
    assert closeness(vectors, two) > closeness(vectors, one) - 0.05
    sizes = np.bincount(nearest(vectors, two), minlength=nlist)
    assert (sizes > 0).mean() > 0.9, "lists that nothing is in are lists for nothing"
    np.testing.assert_array_equal(two, centroids(vectors, nlist, two_level=True, seed=0))


@given(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=12), share=st.floats(0, 1))
@settings(max_examples=200)
def test_seats_are_given_by_size(sizes, share):
    sizes = np.array(sizes)
    people, groups = int(sizes.sum()), int((sizes > 0).sum())
    seats = groups + int(share * (people - groups))
    if not seats:
        return
    given_seats = apportion(sizes, seats)
    assert given_seats.sum() == seats
    assert (given_seats <= sizes).all() and (given_seats[sizes > 0] >= 1).all()
    for small, large in zip(*np.triu_indices(len(sizes), 1), strict=True):
        if sizes[small] > sizes[large]:
            small, large = large, small
        assert given_seats[small] <= given_seats[large] + 1


def test_a_centroid_for_each_vector_is_the_vector(unit):
    vectors = unit(20, 8)
    found = centroids(vectors, 20, two_level=True, seed=0)
    np.testing.assert_allclose((vectors @ found.T).max(axis=1), 1, atol=1e-5)


def test_kmeans_finds_separate_clusters(unit):
    vectors = np.repeat(np.eye(5, 8, dtype=np.float32), 40, axis=0) + 0.01 * unit(200, 8)
    assert closeness(vectors, kmeans(vectors, 5, 0)) > 0.99


def test_an_index_trains_with_two_levels(unit):
    values = {"kind": "ivf_pq", "nlist": 50, "m": 4, "bits": 4, "two_level": True, "coarse": "hnsw"}
    index = train_index(unit(1000, 16), registry.parse("search", values), 1000, 0)
    assert index.is_trained and index.nlist == index.quantizer.ntotal == 50


@pytest.mark.parametrize(
    ("count", "lists"), [(1, 1), (100, 2), (10_000, 256), (100_000, 1024), (10**6, 4096), (10**7, 16_384)]
)
def test_the_number_of_lists_follows_the_number_of_items(count, lists):
    params = registry.parse("search", {"kind": "ivf_pq", "m": 8})
    assert params.lists(count) == lists
    assert params.in_two_levels(count) == (lists > 4096)


@pytest.mark.parametrize(
    ("count", "nlist", "size"),
    [(10**4, 64, 10**4), (10**6, 4096, 262_144), (10**7, 16_384, 2**20), (10**7, 10**5, 3_900_000)],
)
def test_the_training_sample_is_bounded(count, nlist, size):
    params = registry.parse("search", {"kind": "ivf_pq", "m": 8, "nlist": nlist})
    assert params.training_size(count) == size
    rows = sample_rows(count, params, 3)
    assert len(rows) == size == len(set(rows[:1000])) + size - min(size, 1000) and rows.max() < count
    assert (np.diff(rows) > 0).all()


def test_captions_join_the_sample_as_a_share(unit):
    values = {"kind": "ivf_pq", "nlist": 2, "m": 4, "bits": 4}
    images = np.tile(np.eye(8, dtype=np.float32)[0], (100, 1)) + 0.001 * unit(100, 8)
    captions = np.tile(np.eye(8, dtype=np.float32)[1], (10, 1)) + 0.001 * unit(10, 8)

    def apart(share):
        params = registry.parse("search", values | {"caption_share": share})
        index = train_index(images, params, 100, 0, captions)
        return (index.quantizer.reconstruct_n(0, 2) @ captions[0]).max()

    assert apart(0.0) < 0.1 and apart(0.3) > 0.9


@pytest.mark.parametrize("width", [1, 4, 16])
def test_fast_codebooks_are_those_of_faiss(unit, width):
    vectors = unit(500, 4 * width)

    def trained(fast):
        codes = faiss.ProductQuantizer(4 * width, 4, 4)
        codes.cp.min_points_per_centroid = 1
        if fast:
            with fast_codebooks(codes):
                codes.train(vectors)
        else:
            codes.train(vectors)
        assert codes.assign_index is None
        return ((codes.decode(codes.compute_codes(vectors)) - vectors) ** 2).sum()

    assert trained(fast=True) == pytest.approx(trained(fast=False), rel=0.02)


def test_the_rotation_is_orthonormal_and_loses_no_more_than_none(unit):
    mixing = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]
    vectors = (unit(2000, 16) * np.linspace(0.05, 2, 16) @ mixing).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def error(values):
        index = train_index(
            vectors, registry.parse("search", values | {"nlist": 1, "m": 4, "bits": 4}), 2000, 0
        )
        index.add(vectors)
        faiss.extract_index_ivf(index).make_direct_map()
        return ((index.reconstruct_n(0, 2000) - vectors) ** 2).sum(), index

    plain, _ = error({"kind": "ivf_pq"})
    rotated, index = error({"kind": "opq_ivf_pq", "alternations": 10})
    assert rotated < plain
    matrix = faiss.vector_to_array(faiss.downcast_VectorTransform(index.chain.at(0)).A).reshape(16, 16)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(16), atol=1e-4)
