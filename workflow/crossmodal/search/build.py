"""Building an index: train on a sample, add vectors block by block, merge parts, describe the result."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from crossmodal import registry
from crossmodal.models.embeddings import Vectors
from crossmodal.search.card import describe
from crossmodal.search.checks import check_captions, check_count, check_training
from crossmodal.search.clustering import centroids, fast_codebooks
from crossmodal.search.nnn import append_bias, bias_path, nnn_bias, write_bias
from crossmodal.search.settings import (
    CODEBOOK_SAMPLE,
    IndexParameters,
    InvertedParameters,
    ProductParameters,
)
from crossmodal.search.spread import spreads
from crossmodal.search.store import VectorStore

PACKAGE = "search"


def build_index(
    store: VectorStore,
    params: IndexParameters,
    seed: int,
    out: Path,
    captions: Vectors | None = None,
    bank: Vectors | None = None,
    bias_file: Path | None = None,
) -> dict[str, Any]:
    """Build the index of `params` over `store`, write it to `out`, and return its card.

    Inner product is the metric. Training vectors are drawn with `seed`, and so are the starts of all k-means: on
    one thread the same input gives the same bytes. `captions` [b, d] are the training captions of `caption_share`,
    `bank` [b, d] those of NNN, whose correction is then written to `bias_file` (null: `bias.npy` beside the
    index). Memory: the training sample (`params.training_size`) twice, one block of vectors, and the index itself.
    Raises UserError where `params` do not fit the vectors; `out` appears when it is complete.
    """
    check_count(store.count)
    bias = bias_of(store, params, bank)
    rows = sample_rows(store.count, params, seed)
    sample_bias = None if bias is None else bias[rows]
    trained = train_index(store.rows(rows), params, store.count, seed, captions, sample_bias)
    index = fill_index(trained, (block for _, block in store.blocks()), bias)
    write_index(index, out)
    if bias is not None:
        write_bias(bias_file or bias_path(out), bias)
    return describe(index, out, params, store.dimension, {"vectors": len(rows), "seed": seed})


def bias_of(store: VectorStore, params: IndexParameters, bank: Vectors | None) -> Vectors | None:
    """Return NNN's correction of each item, float32 [n], if `params` ask for it."""
    if params.nnn is None:
        return None
    return nnn_bias(store, check_captions(bank, "nnn"), params.nnn.k, params.nnn.weight)


def sample_rows(count: int, params: IndexParameters, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return which of `count` items the index is trained on, int64, rising."""
    size = params.training_size(count)
    drawn = np.random.default_rng(seed).choice(count, size, replace=False, shuffle=False)
    return np.sort(drawn).astype(np.int64)


def train_index(
    sample: Vectors,
    params: IndexParameters,
    count: int,
    seed: int,
    captions: Vectors | None = None,
    bias: Vectors | None = None,
) -> Any:
    """Return an index for `count` items, trained on `sample` float32 [s, d] and empty.

    With `caption_share` s a part of the sample gives its place to `captions` [b, d], drawn with `seed` (again from
    the start where there are fewer). `bias` [s] is NNN's correction of the sample, which captions get the mean of.
    Raises UserError where the sample is too small or `params` do not fit its width.
    """
    kind = registry.load(PACKAGE, params.kind)
    dimension = sample.shape[1]
    factory = kind.factory(params, dimension, count)
    check_training(kind.__name__.rpartition(".")[2], len(sample), params.least(count))
    extra = params.extra(dimension)
    if bias is None:
        bias = np.zeros(len(sample), np.float32)
    if extra:
        sample = append_bias(sample, bias, extra)
    if params.caption_share:
        words = check_captions(captions, "caption_share")
        words = append_bias(words, np.full(len(words), bias.mean()), extra) if extra else words
        sample = _mixed(sample, words, params.caption_share, seed)
    index = faiss.index_factory(dimension + extra, factory, faiss.METRIC_INNER_PRODUCT)
    if hasattr(kind, "prepare"):
        kind.prepare(index, params, seed)
    _train(index, np.ascontiguousarray(sample), params, dimension, count, seed)
    return index


def fill_index(trained: Any, blocks: Iterable[Vectors], bias: Vectors | None = None) -> Any:
    """Return `trained` with the vectors of `blocks`, float32 [b, d] each, as items 0, 1, ... in order.

    `bias` [n] is NNN's correction of all of them, where the index was trained with it.
    """
    for block in blocks:
        extra, first = trained.d - block.shape[1], trained.ntotal
        if extra:
            more = np.zeros(len(block), np.float32) if bias is None else bias[first : first + len(block)]
            block = append_bias(block, more, extra)
        trained.add(np.ascontiguousarray(block, dtype=np.float32))
    return trained


def write_index(index: Any, out: Path) -> None:
    """Write `index` to `out`, which appears when it is complete."""
    partial = out.with_name(out.name + ".partial")
    try:
        faiss.write_index(index, str(partial))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _mixed(sample: Vectors, captions: Vectors, share: float, seed: int) -> Vectors:
    """Return `sample` in which a random `share` of the rows are captions."""
    generator = np.random.default_rng([seed, 1])
    count = round(share * len(sample))
    replaced = generator.choice(len(sample), count, replace=False)
    mixed = sample.copy()
    mixed[replaced] = captions[np.resize(generator.permutation(len(captions)), count)]
    return mixed


def _train(
    index: Any, sample: Vectors, params: IndexParameters, dimension: int, count: int, seed: int
) -> None:
    """Train rotation, centroids and codebooks, each on what the one before makes of the sample."""
    inner: Any = faiss.downcast_index(index)
    # The direction of the number that is added to vectors: what is behind their own columns.
    further = np.eye(1, sample.shape[1], dimension, dtype=np.float32)
    if isinstance(inner, faiss.IndexPreTransform):
        outer, inner = inner, faiss.downcast_index(inner.index)
        chain: Any = outer.chain
        for number in range(chain.size()):
            rotation = faiss.downcast_VectorTransform(chain.at(number))
            sample = _rotated(rotation, sample, params, dimension, seed)
            further = rotation.apply(further)
    if isinstance(params, InvertedParameters):
        found = centroids(sample, inner.nlist, two_level=params.in_two_levels(count), seed=seed)
        quantiser = faiss.downcast_index(inner.quantizer)
        if isinstance(quantiser, faiss.IndexHNSW):
            quantiser.hnsw.efConstruction = 200  # a few thousand centroids: seconds, for better links
        quantiser.add(found)
        if isinstance(params, ProductParameters) and params.spread:
            found += params.spread * spreads(quantiser, sample, seed)[:, None] * further
            quantiser.reset()
            quantiser.add(found)
    if hasattr(inner, "pq"):
        inner.pq.cp.seed, inner.pq.cp.min_points_per_centroid = seed, 1
        with fast_codebooks(inner.pq):
            inner.train(sample)
    else:
        inner.train(sample)
    index.is_trained = True


def _some(sample: Vectors, most: int, seed: int) -> Vectors:
    """Return `most` rows of `sample`, drawn with `seed`, or all where there are no more."""
    if len(sample) <= most:
        return sample
    drawn = np.random.default_rng([seed, 3]).choice(len(sample), most, replace=False)
    some: Vectors = sample[np.sort(drawn)]
    return some


def _rotated(rotation: Any, sample: Vectors, params: IndexParameters, dimension: int, seed: int) -> Vectors:
    """Train `rotation` on `sample`, the first `dimension` columns of it, and return the rotated sample."""
    if isinstance(rotation, faiss.OPQMatrix):
        kept = params.kept(dimension)  # type: ignore[attr-defined]
        own = faiss.OPQMatrix(dimension, params.m, kept)  # type: ignore[attr-defined]
        own.niter = params.alternations  # type: ignore[attr-defined]
        codes = faiss.ProductQuantizer(kept, own.M, 8)
        codes.cp.seed, codes.cp.min_points_per_centroid = seed, 1
        own.pq = codes
        with fast_codebooks(codes):
            own.train(_some(sample, CODEBOOK_SAMPLE, seed)[:, :dimension].copy())
        own.pq = None
        # A number that is added to vectors gets a subquantiser of its own behind those of the rotated ones.
        whole = np.zeros((rotation.d_out, rotation.d_in), np.float32)
        whole[:kept, :dimension] = faiss.vector_to_array(own.A).reshape(kept, dimension)
        if rotation.d_in > dimension:
            whole[kept, dimension] = 1
        faiss.copy_array_to_vector(whole.ravel(), rotation.A)
        rotation.is_trained = True
        rotation.set_is_orthonormal()
    elif isinstance(rotation, faiss.RandomRotationMatrix):
        rotation.init(seed)
    rotated: Vectors = rotation.apply(sample)
    return rotated
