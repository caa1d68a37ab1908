"""The centroids of inverted lists: k-means on the unit sphere, in one level or in two."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import faiss
import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.progress import progress

ITERATIONS = 10
WIDE = 16


def centroids(vectors: Vectors, nlist: int, *, two_level: bool, seed: int) -> Vectors:
    """Return `nlist` centroids of unit length of `vectors`, float32 [n, d], n >= nlist.

    In two levels about sqrt(nlist) coarse clusters are found first and each is clustered alone, into a share of
    the centroids that is its share of the vectors. An iteration then compares each vector with some 2 sqrt(nlist)
    centroids instead of nlist: for 100,000 lists that is a 150th of the work. It takes memory for the largest
    coarse cluster beside `vectors`.
    """
    if not two_level or nlist < 4:
        return kmeans(vectors, nlist, seed)
    coarse = kmeans(vectors, round(nlist**0.5), seed, most=256)
    members = nearest(vectors, coarse)
    sizes = np.bincount(members, minlength=len(coarse))
    shares = apportion(sizes, nlist)
    order = np.argsort(members, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    parts = [
        kmeans(vectors[order[starts[i] : starts[i + 1]]], int(shares[i]), seed + 1 + i)
        for i in progress(range(len(coarse)), "clusters", unit="cluster")
        if shares[i]
    ]
    return np.concatenate(parts)


def kmeans(vectors: Vectors, k: int, seed: int, most: int = 10**9) -> Vectors:
    """Return k centroids of unit length, float32 [k, d], from at most `most` vectors for each."""
    dimension = vectors.shape[1]
    clustering = faiss.Clustering(dimension, k)
    clustering.seed, clustering.niter, clustering.spherical = seed, ITERATIONS, True
    clustering.min_points_per_centroid = 1  # few vectors are no secret: the card says how many
    clustering.max_points_per_centroid = most
    clustering.train(np.ascontiguousarray(vectors), on_gpus(faiss.IndexFlatIP(dimension)))
    return faiss.vector_to_array(clustering.centroids).reshape(k, dimension)


def nearest(vectors: Vectors, points: Vectors) -> npt.NDArray[np.int64]:
    """Return which of `points` [k, d] has the largest inner product with each vector, int64 [n]."""
    index = on_gpus(faiss.IndexFlatIP(points.shape[1]))
    index.add(points)
    found: npt.NDArray[np.int64] = index.search(vectors, 1)[1][:, 0]
    return found


def apportion(sizes: npt.NDArray[np.int64], seats: int) -> npt.NDArray[np.int64]:
    """Return how many of `seats` each group gets: its share by size, one at least and its size at most.

    int64 like `sizes`; groups of nobody get none. What rounding leaves goes to the fullest groups.
    """
    given = np.minimum(sizes, 1)
    while (left := seats - int(given.sum())) > 0:
        room = np.where(given < sizes, sizes / np.maximum(given, 1), 0.0)
        wanted = np.floor(seats * sizes / sizes.sum()).astype(np.int64)
        step = np.clip(np.minimum(wanted, sizes) - given, 0, None)
        if 0 < step.sum() <= left:
            given = given + step
        else:  # the fullest groups get one more each
            best = np.argsort(-room, kind="stable")[: min(left, int((room > 0).sum()))]
            given[best] += 1
    return given


@contextmanager
def fast_codebooks(quantiser: Any) -> Iterator[None]:
    """Let the codebooks of a ProductQuantizer be trained some eight times as fast, for parts narrower than 16.

    FAISS compares such vectors without its matrix product. Zeros up to 16 dimensions change no distance.
    """
    if quantiser.dsub >= WIDE:
        yield
        return
    flat, transforms = (
        faiss.IndexFlatL2(WIDE),
        cast(Any, faiss),
    )  # its type hints know one way to widen of two
    widening = transforms.RemapDimensionsTransform(quantiser.dsub, WIDE, False)
    index = faiss.IndexPreTransform(widening, flat)
    quantiser.assign_index = index
    try:
        yield
    finally:
        quantiser.assign_index = None


def on_gpus(index: Any) -> Any:
    """Return `index` on all GPUs, where a FAISS that can use them and a device are there; else as it is."""
    if not hasattr(faiss, "index_cpu_to_all_gpus") or not faiss.get_num_gpus():
        return index
    return faiss.index_cpu_to_all_gpus(index)
