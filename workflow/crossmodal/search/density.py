"""A density fitted to embeddings, to draw more of them: a smoothed bootstrap that keeps every cluster's
covariance.

A drawn vector is a real one that was moved within its cluster,

    y = mu + sqrt(1 - h^2) (x - mu) + h S z,    then scaled to unit length,

x a real vector drawn with replacement, mu and S S' mean and covariance of its cluster, z standard normal, and h
drawn anew for each vector, uniform from `least` to 1. Mean and covariance of a cluster are kept whatever h is
(the smoothed bootstrap with its variance corrected: Silverman and Young 1987), and with them the spectrum of
the whole. h = 0 would be the bootstrap itself, h = 1 a mixture of Gaussians. S z is a combination of the
cluster's own vectors with normal weights, so no covariance is ever written down, and moves stay among the
directions in which the cluster varies.

How far vectors are moved decides how near the drawn ones are to one another, above all the many that come from
one real vector. `least` is chosen so that a density fitted to a part of the real vectors, from which as many
are drawn as there are, has the distances to nearest neighbours that all the real ones have: the extrapolation
that it is used for, where the truth is known.

What it cannot do: no vector is drawn outside the clusters of the real ones. Drawn items are more of what is
there, not new kinds of things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.density_checks import differences, nearest_distances

MEMBERS = 64
"""Vectors of a cluster, on average."""
FEWEST = 16
"""Vectors of a cluster at the least: of fewer no covariance is told."""
MOST = 128
"""Vectors of a cluster that its covariance is taken from, at the most."""
ITERATIONS = 10
PART = 8
"""Into how many parts the real vectors are divided to choose the moves: one part is to give the whole."""
LARGEST = 50_000
"""Real vectors at most that moves are chosen with."""
ASKED = 2_000
"""Vectors whose distances to their nearest neighbours are compared."""
LEAST = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Smallest moves that are tried."""
BLOCK = 65_536
"""Vectors drawn at once: 128 MB for 512 dimensions."""


@dataclass(frozen=True, slots=True)
class Density:
    """A fitted density. The vectors of a cluster stand together, in random order."""

    vectors: Vectors
    """float32 [n, d], the real vectors, unit length."""
    starts: npt.NDArray[np.int64]
    """[c + 1], where each cluster begins, and n."""
    means: Vectors
    """float32 [c, d]."""
    least: float
    """The smallest move h; that of a vector is uniform from it to 1."""


def fit_density(vectors: Vectors, seed: int, least: Sequence[float] = LEAST) -> Density:
    """Return the density of `vectors`, float32 [n, d] of unit length, with the one of `least` that fits best.

    It takes about the time of k-means with n / 64 clusters, and memory of three times the vectors. UserError
    for fewer vectors than two clusters have.
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    whole = np.ascontiguousarray(vectors[order[:LARGEST]])
    if len(whole) < 2 * FEWEST:
        raise UserError(f"a density needs {2 * FEWEST} vectors to be fitted to, got {len(whole)}")
    part = clustered(whole[: max(2 * FEWEST, len(whole) // PART)], seed)
    wanted = nearest_distances(whole, ASKED)

    def error(least: float) -> float:
        drawn = draw(replace(part, least=least), len(whole), np.random.default_rng(seed))
        return differences(wanted, nearest_distances(drawn, ASKED))

    return replace(clustered(vectors, seed), least=min(least, key=error) if len(least) > 1 else least[0])


def clustered(vectors: Vectors, seed: int) -> Density:
    """Return the density of `vectors` [n, d] as a mixture of Gaussians: its clusters, none smaller than
    FEWEST.
    """
    n, d = vectors.shape
    count = max(1, n // MEMBERS)
    trained = faiss.Kmeans(d, count, niter=ITERATIONS, seed=seed, min_points_per_centroid=1)
    trained.train(vectors)
    centroids: Vectors = np.asarray(trained.centroids)
    nearest = _nearest(vectors, centroids)
    kept = np.bincount(nearest, minlength=count) >= FEWEST
    if not kept.all():
        nearest = _nearest(vectors, centroids[kept]) if kept.any() else np.zeros(n, dtype=np.int64)
    shuffled = np.random.default_rng(seed).permutation(n)
    order = shuffled[np.argsort(nearest[shuffled], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(nearest))]).astype(np.int64)
    found = vectors[order]
    return Density(found, starts, _means(found, starts), 1.0)


def draw(density: Density, count: int, generator: np.random.Generator) -> Vectors:
    """Return `count` vectors of unit length, float32 [count, d], in random order."""
    drawn = np.empty((count, density.vectors.shape[1]), dtype=np.float32)
    for first in range(0, count, BLOCK):
        rows = drawn[first : first + BLOCK]
        rows[generator.permutation(len(rows))] = _draw(density, len(rows), generator)
    return drawn


def _draw(density: Density, count: int, generator: np.random.Generator) -> Vectors:
    """Return `count` vectors, cluster by cluster: for each the moves of all its vectors are one matrix
    product.
    """
    sources = np.sort(generator.integers(0, len(density.vectors), size=count))
    moves = density.least + (1 - density.least) * generator.random((count, 1), dtype=np.float32)
    kept = np.sqrt(1 - moves**2)
    drawn = density.vectors[sources] * kept
    cuts = np.searchsorted(sources, density.starts)
    for cluster in np.flatnonzero(np.diff(cuts)):
        own = slice(cuts[cluster], cuts[cluster + 1])
        first, last = density.starts[cluster : cluster + 2]
        members = density.vectors[first : min(last, first + MOST)]
        weights = generator.standard_normal((own.stop - own.start, len(members)), dtype=np.float32)
        weights *= moves[own] / np.sqrt(np.float32(len(members)))
        # (1 - kept) mean + sum_j w_j (x_j - mean)
        drawn[own] += weights @ members
        drawn[own] += (1 - kept[own] - weights.sum(axis=1, keepdims=True)) * density.means[cluster]
    drawn /= np.sqrt(np.einsum("nd,nd->n", drawn, drawn))[:, None]
    return drawn


def _means(vectors: Vectors, starts: npt.NDArray[np.int64]) -> Vectors:
    sums: Vectors = np.add.reduceat(vectors, starts[:-1], axis=0)
    return (sums / np.diff(starts)[:, None]).astype(np.float32)


def _nearest(vectors: Vectors, centroids: Vectors) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = faiss.knn(vectors, np.ascontiguousarray(centroids), 1)[1][:, 0]
    return found


def save_density(path: Path, density: Density) -> None:
    """Write `density` to `path` (.npz, vectors in half precision)."""
    with path.open("wb") as file:
        half = density.vectors.astype(np.float16)
        np.savez(file, vectors=half, starts=density.starts, least=np.float64(density.least))


def load_density(path: Path) -> Density:
    """Return the density that `save_density` wrote; UserError where `path` is none."""
    try:
        with np.load(path, allow_pickle=False) as found:
            vectors, starts = found["vectors"].astype(np.float32), found["starts"]
            return Density(vectors, starts, _means(vectors, starts), float(found["least"]))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no density ({error}); remove it and run again") from None
