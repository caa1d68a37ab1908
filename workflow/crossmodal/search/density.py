"""A density fitted to embeddings, to draw more of them: a smoothed bootstrap that keeps every cluster's covariance.

A drawn vector is a real one that was moved within its cluster,

    y = mu + sqrt(1 - h^2) (x - mu) + h S z,    then scaled to unit length,

x a real vector drawn with replacement, mu and S S' mean and covariance of its cluster, z standard normal, and h drawn
anew for each vector. Mean and covariance of a cluster are thereby kept whatever h is (the smoothed bootstrap with its
variance corrected: Silverman and Young 1987), and with them the spectrum of the whole and the similarity to queries.
h = 0 is the bootstrap itself, h = 1 a mixture of Gaussians. S z is a combination of the cluster's own vectors with
normal weights, so no covariance is ever written down, and moves stay among the directions in which the cluster varies.

How far vectors are moved decides how near the drawn ones are to one another, above all the many that come from one
real vector. It is chosen so that a density fitted to a part of the real vectors, from which as many are drawn as
there are, has the distances to nearest neighbours that all the real ones have: the extrapolation that it is used for,
where the truth is known. See `fit_density`.
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
MOVES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BLOCK = 16_384
"""Vectors drawn at once: 32 MB for 512 dimensions."""


@dataclass(frozen=True, slots=True)
class Density:
    """A fitted density. The vectors of a cluster stand together, in random order."""

    vectors: Vectors
    """float32 [n, d], the real vectors, unit length."""
    starts: npt.NDArray[np.int64]
    """[c + 1], where each cluster begins, and n."""
    move: float
    """The largest h: that of a vector is uniform from 0 to it."""


def fit_density(vectors: Vectors, seed: int, moves: Sequence[float] = MOVES) -> Density:
    """Return the density of `vectors`, float32 [n, d] of unit length, with the one of `moves` that fits best.

    It takes about the time of k-means with n / 64 clusters, and memory of three times the vectors. UserError for
    fewer vectors than two clusters have.
    """
    order = np.random.default_rng(seed).permutation(len(vectors))
    whole = np.ascontiguousarray(vectors[order[:LARGEST]])
    if len(whole) < 2 * FEWEST:
        raise UserError(f"a density needs {2 * FEWEST} vectors to be fitted to, got {len(whole)}")
    part = clustered(whole[: max(2 * FEWEST, len(whole) // PART)], seed)
    wanted = nearest_distances(whole, ASKED)

    def error(move: float) -> float:
        drawn = draw(replace(part, move=move), len(whole), np.random.default_rng(seed))
        return differences(wanted, nearest_distances(drawn, ASKED))

    return replace(clustered(vectors, seed), move=min(moves, key=error) if len(moves) > 1 else moves[0])


def clustered(vectors: Vectors, seed: int) -> Density:
    """Return the density of `vectors` [n, d] without moves: their clusters, none smaller than FEWEST."""
    n, d = vectors.shape
    count = max(1, n // MEMBERS)
    means = faiss.Kmeans(d, count, niter=ITERATIONS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=256)
    means.train(vectors)
    centroids = means.centroids
    nearest = _nearest(vectors, centroids)
    kept = np.bincount(nearest, minlength=count) >= FEWEST
    if not kept.all():
        nearest = _nearest(vectors, centroids[kept]) if kept.any() else np.zeros(n, dtype=np.int64)
    shuffled = np.random.default_rng(seed).permutation(n)
    order = shuffled[np.argsort(nearest[shuffled], kind="stable")]
    sizes = np.bincount(nearest)
    return Density(vectors[order], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), 0.0)


def draw(density: Density, count: int, generator: np.random.Generator) -> Vectors:
    """Return `count` vectors of unit length, float32 [count, d], in random order."""
    drawn = np.empty((count, density.vectors.shape[1]), dtype=np.float32)
    for first in range(0, count, BLOCK):
        block = drawn[first : first + BLOCK]
        block[:] = _draw(density, len(block), generator)
    return drawn


def _draw(density: Density, count: int, generator: np.random.Generator) -> Vectors:
    sources = np.sort(generator.integers(0, len(density.vectors), size=count))
    moves = (density.move * generator.random(count, dtype=np.float32))[:, None]
    drawn = density.vectors[sources]
    cuts = np.searchsorted(sources, density.starts)
    for cluster in np.flatnonzero(np.diff(cuts)):
        own = slice(cuts[cluster], cuts[cluster + 1])
        members = density.vectors[density.starts[cluster] : density.starts[cluster + 1]]
        mean = members.mean(axis=0)
        some = members[:MOST]
        weights = generator.standard_normal((own.stop - own.start, len(some)), dtype=np.float32)
        weights *= moves[own] / np.sqrt(np.float32(len(some)))
        # sum_j w_j (x_j - mean) without a copy of the members
        kept = np.sqrt(1 - moves[own] ** 2)
        drawn[own] *= kept
        drawn[own] += weights @ some
        drawn[own] += (1 - kept - weights.sum(axis=1, keepdims=True)) * mean
    drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return drawn[generator.permutation(count)]


def _nearest(vectors: Vectors, centroids: Vectors) -> npt.NDArray[np.int64]:
    _, found = faiss.knn(vectors, np.ascontiguousarray(centroids), 1)
    return found[:, 0]


def save_density(path: Path, density: Density) -> None:
    """Write `density` to `path` (.npz, vectors in half precision)."""
    with path.open("wb") as file:
        np.savez(file, vectors=density.vectors.astype(np.float16), starts=density.starts, move=density.move)


def load_density(path: Path) -> Density:
    """Return the density that `save_density` wrote; UserError where `path` is none."""
    try:
        with np.load(path, allow_pickle=False) as found:
            vectors = found["vectors"].astype(np.float32)
            return Density(vectors, found["starts"], float(found["move"]))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no density ({error}); remove it and run again") from None
