"""Lists by what their best item may be worth: their order, and products with items that stay as they were."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from crossmodal.models.embeddings import Vectors
from crossmodal.registry import parse
from crossmodal.search.build import build_index, sample_rows, train_index
from crossmodal.search.points import Point
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.spread import spreads
from crossmodal.search.store import store_of

WEIGHT, LISTS = 0.2, 16
KINDS = [
    {"kind": "ivf_pq", "m": 16},
    {"kind": "ivf_pq", "m": 16, "coarse": "hnsw"},
    {"kind": "opq_ivf_pq", "m": 16, "alternations": 3},
    {"kind": "opq_ivf_pq", "m": 12, "dimensions": 24, "alternations": 3},
]


def unit(vectors: np.ndarray) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """Unit vectors around centres, some tightly and some widely."""
    draw = np.random.default_rng(0)
    centres, widths = draw.normal(size=(LISTS, 32)), np.linspace(0.1, 1.2, LISTS)
    own = draw.integers(0, LISTS, 3000)
    return unit(centres[own] + widths[own, None] * draw.normal(size=(3000, 32)))


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return unit(np.random.default_rng(1).normal(size=(40, 32)))


def params(values: dict, spread: float = WEIGHT):
    return parse("search", values | {"nlist": LISTS, "spread": spread, "refinement": {}})


def test_a_spread_is_the_root_mean_square_distance_from_the_centroid() -> None:
    quantiser = faiss.IndexFlatIP(8)
    quantiser.add(np.eye(4, 8, dtype=np.float32))
    sample = np.random.default_rng(2).random((40, 8), dtype=np.float32)
    sample[:, 3] = -1  # none is in the last list
    found, members = spreads(quantiser, sample, seed=0), sample[:, :3].argmax(axis=1)
    for number in range(3):
        away = [np.sum((v - np.eye(8)[number]) ** 2) for v in sample[members == number]]
        assert found[number] == pytest.approx(np.sqrt(np.mean(away)), rel=1e-5)
    assert found[3] == pytest.approx(found[:3].mean(), rel=1e-5)


@pytest.mark.parametrize("values", KINDS, ids=str)
def test_lists_are_looked_into_by_their_centroid_and_their_spread(
    values: dict, vectors: Vectors, queries: Vectors
) -> None:
    chosen = params(values)
    sample = vectors[sample_rows(len(vectors), chosen, 0)]
    index = train_index(sample, chosen, len(vectors), 0)
    plain = train_index(sample, params(values, spread=0.0), len(vectors), 0)
    asked = np.concatenate(
        [queries, np.ones((len(queries), 1)), np.zeros((len(queries), index.d - 33))], axis=1
    )
    inner, before = (faiss.downcast_index(faiss.extract_index_ivf(one).quantizer) for one in (index, plain))
    moved, rotated = asked.astype(np.float32), queries
    if isinstance(faiss.downcast_index(index), faiss.IndexPreTransform):
        moved = faiss.downcast_index(index).chain.at(0).apply(moved)
        rotated = faiss.downcast_index(plain).chain.at(0).apply(rotated)
        sample = faiss.downcast_index(plain).chain.at(0).apply(sample)
    expected = rotated @ before.reconstruct_n(0, LISTS).T + WEIGHT * spreads(before, sample, 0)
    assert inner.search(moved, LISTS)[0] == pytest.approx(-np.sort(-expected, axis=1), abs=1e-5)


@pytest.mark.parametrize("values", KINDS, ids=str)
def test_products_with_items_stay_as_they_were(
    values: dict, vectors: Vectors, queries: Vectors, tmp_path: Path
) -> None:
    scores = []
    for spread in (0.0, WEIGHT):
        chosen, store = params(values, spread), store_of(vectors)
        build_index(store, chosen, 0, tmp_path / "index.faiss")
        searcher = Searcher(read_index(tmp_path / "index.faiss"), None, chosen, Point(nprobe=LISTS))
        found, positions = searcher.candidates(queries, len(vectors))
        ordered = np.empty_like(found)
        np.put_along_axis(ordered, positions, found, axis=1)
        scores.append(ordered)
    assert scores[0] == pytest.approx(scores[1], abs=0.01), "but for how finely the further number is coded"


def test_it_finds_more_in_as_many_lists(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    centres, widths = draw.normal(size=(400, 32)), draw.choice([0.2, 1.0], 400)
    own = draw.integers(0, 400, 20_000)
    items = unit(centres[own] + widths[own, None] * draw.normal(size=(20_000, 32)))
    asked = unit(draw.normal(size=(300, 32)))
    exact = np.argsort(-(asked @ items.T), axis=1)[:, :10]
    recalls = []
    for spread in (0.0, WEIGHT):
        chosen = parse("search", {"kind": "ivf_pq", "m": 32, "nlist": 256, "spread": spread})
        build_index(store_of(items), chosen, 0, tmp_path / "index.faiss")
        searcher = Searcher(read_index(tmp_path / "index.faiss"), None, chosen, Point(nprobe=16))
        found = searcher.candidates(asked, 1000)[1]
        recalls.append(np.mean([len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]) / 10)
    assert recalls[1] > recalls[0] + 0.01
