"""Random unit vectors, and candidates in galleries that are made of them."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from crossmodal.registry import parse
from crossmodal.reranking.material import Lists, Material
from crossmodal.search.gallery import Candidates, Gallery


def _unit(n, d, seed=0):
    """Return n random unit vectors, float32 [n, d]."""
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _candidates(queries, positions, scores=None, relevant=None):
    """Return candidates; a field that is not given is made of zeros, or of the queries' numbers."""
    given = {
        "queries": queries,
        "positions": positions,
        "scores": np.zeros(positions.shape, np.float32) if scores is None else scores,
        "relevant": np.zeros(positions.shape, bool) if relevant is None else relevant,
    }
    others = {one.name: np.arange(len(queries)) for one in fields(Candidates) if one.name not in given}
    return Candidates(**given, **others)


def _random_lists(q=30, n=50, d=12, k=8, gaps=0, seed=0):
    """Return lists of random vectors in no order, one of them right; every other list ends with `gaps`."""
    rng = np.random.default_rng(seed)
    vectors, queries = _unit(n, d, seed), _unit(q, d, seed + 1)
    positions = np.stack([rng.permutation(n)[:k] for _ in range(q)])
    if gaps:
        positions[::2, -gaps:] = -1
    scores = -np.sort(-rng.normal(size=(q, k)), axis=1).astype(np.float32)
    scores[positions < 0] = -np.inf
    relevant = np.zeros((q, k), bool)
    relevant[np.arange(q), rng.integers(k - gaps, size=q)] = True
    return Lists(vectors, _candidates(queries, positions, scores, relevant), [f"i{i}" for i in range(q)])


def _material(lists, bank, validation=None, queries=None, files=None):
    n = len(lists.vectors)
    gallery = Gallery([f"{i}" for i in range(n)], ["x"] * n, lists.vectors, np.zeros(n, np.int64))
    return Material(gallery, bank, validation, queries, files or {})


def _take(found, rows):
    """Return the candidates of the queries `rows` (a slice, or int64 [m])."""
    return Candidates(**{one.name: getattr(found, one.name)[rows] for one in fields(found)})


@pytest.fixture(scope="session")
def take():
    return _take


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def unit():
    return _unit


@pytest.fixture(scope="session")
def candidates():
    return _candidates


@pytest.fixture(scope="session")
def random_lists():
    return _random_lists


@pytest.fixture(scope="session")
def material():
    """Return a function that makes the material of a stage over the gallery of some lists."""
    return _material


def _learnable_lists(images=200, captions=2, d=16, k=10, seed=0, informative=0.5):
    """Return lists whose exact order is bad for a reason that can be learnt and holds in any such gallery.

    What a query and its image share lies in the first half of the components (none of it where `informative` is
    0); the other half is noise of each side, which the inner product weighs alike. Answers and other images are
    drawn alike.
    """
    rng = np.random.default_rng(seed)
    half, others = d // 2, d - d // 2
    vectors = rng.normal(size=(images, d))
    vectors[:, half:] *= 1.5
    owner = np.repeat(np.arange(images), captions)
    shared = vectors[owner, :half] * informative / 0.5 if informative else np.zeros((len(owner), half))
    queries = np.concatenate(
        [
            shared + 0.7 * rng.normal(size=(len(owner), half)),
            1.5 * rng.normal(size=(len(owner), others)),
        ],
        axis=1,
    )
    vectors, queries = (
        (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for v in (vectors, queries)
    )
    wrong = (owner[:, None] + 1 + np.stack([rng.permutation(images - 1)[: k - 1] for _ in owner])) % images
    positions = rng.permuted(np.concatenate([owner[:, None], wrong], axis=1), axis=1)
    found = _candidates(queries, positions, relevant=positions == owner[:, None])
    return Lists(vectors, found, [f"i{i}" for i in owner])


def _hubs(seed, n=100, d=16):
    """Return lists in which a fifth of the images are near to every query, wrongly; all images are candidates."""
    rng = np.random.default_rng(seed)
    common = np.eye(d, dtype=np.float32)[0]
    vectors = _unit(n, d, seed)
    vectors[: n // 5] += 0.5 * common
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    right = rng.integers(n // 5, n, size=3 * n)
    queries = vectors[right] + 1.2 * _unit(len(right), d, seed + 1) + common
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    positions = np.tile(np.arange(n), (len(right), 1))
    found = _candidates(queries, positions, relevant=positions == right[:, None])
    return Lists(vectors, found, [f"{i}" for i in right])


@pytest.fixture(scope="session")
def hubs():
    return _hubs


@pytest.fixture(scope="session")
def learnable_lists():
    return _learnable_lists


@pytest.fixture(scope="session")
def small():
    """Return a function that gives parameters of a small re-ranker."""
    return lambda kind="vectors", **values: parse(
        "reranking",
        {
            "kind": kind, "candidates": 10, "layers": 1, "width": 32, "heads": 2, "feedforward": 32, "pillars": 4,
            "bank": 0,
            "dropout": 0.0, "epochs": 6, "batch_size": 32, "learning_rate": 5e-3,
            "early_stopping_patience": None, **values,
        },
    )  # fmt: skip
