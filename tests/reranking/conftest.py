"""Random unit vectors, and candidates in galleries that are made of them."""

from dataclasses import fields

import numpy as np
import pytest
import torch

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
