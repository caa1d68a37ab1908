"""Random unit vectors and small embedding sets."""

import faiss
import numpy as np
import pytest
import torch

from crossmodal.models.embeddings import Embeddings


def _unit(n, d, seed=0):
    """Return n random unit vectors, float32 [n, d]."""
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _embeddings(vectors, ids, owners=None, labels=None):
    return Embeddings(list(ids), list(owners or ids), list(labels or ids), vectors, {"model": "m"})


@pytest.fixture(autouse=True)
def _one_thread():
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def unit():
    return _unit


@pytest.fixture
def embeddings():
    """Return a function that makes Embeddings whose owners and labels are the ids unless given."""
    return _embeddings
