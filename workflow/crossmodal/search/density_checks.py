"""Are drawn vectors like real ones? Norms, spectrum, distances to nearest neighbours, hubness, nearness to
queries.
"""

from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from scipy import stats

from crossmodal.models.embeddings import Vectors

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SAMPLE = 20_000
"""Vectors at most whose neighbours among one another, and whose spectrum, are looked at."""


def nearest_distances(vectors: Vectors, asked: int, k: int = NEIGHBOURS) -> Floats:
    """Return the Euclidean distances of the first `asked` vectors to their first k neighbours, float64 [q, k].

    `vectors` are float32 [n, d] of unit length, in random order; a vector is no neighbour of itself, but an
    equal one is.
    """
    products, positions = faiss.knn(
        vectors[:asked], vectors, min(k + 1, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT
    )
    own = positions == np.arange(len(positions))[:, None]
    own[~own.any(axis=1), -1] = True  # equal vectors pushed it out of the list: drop the last one
    others = products[~own].reshape(len(positions), -1).astype(np.float64)
    return np.sqrt(np.maximum(2 - 2 * others, 0))


def differences(real: Floats, drawn: Floats) -> float:
    """Return how far quantiles of the distances to the first and the last neighbour differ, a share of the
    real.
    """
    errors = []
    for place in (0, -1):
        wanted, got = (np.quantile(table[:, place], QUANTILES) for table in (real, drawn))
        errors.append(np.abs(got - wanted).mean() / wanted.mean())
    return float(np.mean(errors))


def occurrences(vectors: Vectors, k: int = NEIGHBOURS) -> npt.NDArray[np.int64]:
    """Return how often each vector is among the first k neighbours of another, int64 [n] (hubness is its
    skew).
    """
    _, positions = faiss.knn(vectors, vectors, min(k + 1, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
    others = positions[positions != np.arange(len(positions))[:, None]]
    return np.bincount(others, minlength=len(vectors))


def spectrum(vectors: Vectors) -> Floats:
    """Return the eigenvalues of the covariance as shares of their sum, largest first, float64 [d]."""
    values = np.linalg.eigvalsh(np.cov(vectors.astype(np.float64), rowvar=False))[::-1]
    return np.maximum(values, 0) / values.sum()


def summarise(vectors: Vectors, queries: Vectors | None = None) -> dict[str, float]:
    """Return what two sets of equally many vectors are compared by; the first SAMPLE of `vectors` [n, d] count.

    `norm` (mean), `mean_product` (of two vectors), `nearest_5`, `nearest_50`, `nearest_95` (quantiles, in per
    cent, of the distance to the nearest neighbour), `tenth_50` (median of that to the tenth), `dimensions_90`
    (principal axes with 90 % of the variance), `participation` (the effective number of axes),
    `local_dimension` (Levina and Bickel 2004), `hubness` (skew of how often a vector is among the ten nearest
    of others) and `hubs` (the share that the first hundredth of them takes of all such places); where there are
    `queries`, `query_1` and `query_10`: the mean of their largest and of their tenth inner product.
    """
    some = vectors[:SAMPLE]
    distances, counts, shares = nearest_distances(some, len(some)), occurrences(some), spectrum(some)
    first = np.quantile(distances[:, 0], [0.05, 0.5, 0.95])
    found: dict[str, Any] = {
        "norm": np.linalg.norm(some, axis=1).mean(),
        "mean_product": (np.linalg.norm(some.mean(axis=0)) ** 2 * len(some) - 1) / (len(some) - 1),
        "nearest_5": first[0],
        "nearest_50": first[1],
        "nearest_95": first[2],
        "tenth_50": np.median(distances[:, -1]),
        "dimensions_90": np.searchsorted(np.cumsum(shares), 0.9) + 1,
        "participation": 1 / (shares**2).sum(),
        "local_dimension": _local_dimension(distances),
        "hubness": stats.skew(counts),
        "hubs": np.sort(counts)[::-1][: max(1, len(counts) // 100)].sum() / counts.sum(),
    }
    if queries is not None and len(queries):
        products, _ = faiss.knn(queries, some, NEIGHBOURS, metric=faiss.METRIC_INNER_PRODUCT)
        found |= {"query_1": products[:, 0].mean(), "query_10": products[:, -1].mean()}
    return {name: float(value) for name, value in found.items()}


def _local_dimension(distances: Floats) -> float:
    """Return the maximum likelihood estimate of the dimension around vectors, from distances [q, k] to
    neighbours.

    The median over vectors, with the bias corrected (k - 2); equal vectors, at distance 0, are left out.
    """
    kept = distances[distances[:, 0] > 0]
    if not len(kept):
        return 0.0
    logs = np.log(kept[:, -1:] / kept[:, :-1])
    return float(np.median((distances.shape[1] - 2) / np.maximum(logs.sum(axis=1), 1e-12)))
