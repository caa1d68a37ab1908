"""Vectors that are searched in a benchmark, and text queries: real ones as far as they go.

Written once under build/: `vectors.npy` float32 [n, d], `queries.npy` and `validation.npy` float32 [q, d], the
true 100 positions of each query in `queries_exact.npy` and `validation_exact.npy`, and `about.json`, which says
what they are.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.store import VectorStore, open_store, store_of

QUERIES, VALIDATION, TOP = 1000, 500, 100
DIMENSION = 512
"""Of the mixture."""
NOISE = 0.7
"""How much of another vector is in a query."""
MEMBERS = 20
"""Vectors around each centre of the mixture, on average."""


def prepare(folder: Path, count: int, study: str, cell: str, seed: int = 0) -> str:
    """Write what is searched into `folder` unless it is there, and return in words what it is.

    Where `cell` of a finished `study` has embedded images, they are searched, and beside them vectors drawn from
    the density of theirs: those that the study has drawn where it asks about scale, else drawn now. Without a
    study it is a mixture.
    """
    about = folder / "about.json"
    if not about.exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(seed)
        images, captions = _embedded(study, cell)
        shards = _shards(study, cell)
        if images and sum(shard.count for shard in shards) >= count:
            vectors, words = _of_shards(shards, study, cell, count)
        elif images:
            vectors, words = _of_study(images, count, f"{study}, {cell}", seed)
        else:
            vectors, words = mixture(count, generator)
        if images:
            split = [_text_queries(captions[name], size, generator) for name, size in _sizes()]
            words += "; queries: the study's captions"
        else:
            split = [mixture_queries(vectors, size, generator) for _, size in _sizes()]
        np.save(folder / "vectors.npy", vectors)
        for (name, _), queries in zip(_sizes(), split, strict=True):
            np.save(folder / f"{name}.npy", queries)
            np.save(folder / f"{name}_exact.npy", exhaustive(store_of(vectors), queries, TOP)[1])
        about.write_text(json.dumps(words))
    return str(json.loads(about.read_text()))


def finished(study: str, cell: str) -> bool:
    """Return whether there are embeddings of images and captions by `cell` of `study`."""
    return bool(_embedded(study, cell)[0])


def _sizes() -> tuple[tuple[str, int], ...]:
    return ("queries", QUERIES), ("validation", VALIDATION)


def _embedded(study: str, cell: str) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return the files of images, and of captions of test and validation, that `cell` has embedded."""
    found = Path("results", study, "embeddings", cell, "s0")
    captions = {
        name: sorted(found.glob(f"*/{split}/clean/captions.parquet"))
        for name, split in (("queries", "test"), ("validation", "val"))
    }
    images = sorted(found.glob("*/*/clean/images.parquet"))
    return (images, captions) if all(captions.values()) else ([], captions)


def _text_queries(paths: Sequence[Path], count: int, generator: np.random.Generator) -> Vectors:
    vectors = np.concatenate([read_embeddings(path).vectors for path in paths])
    return vectors[generator.choice(len(vectors), min(count, len(vectors)), replace=False)]


def _shards(study: str, cell: str) -> list[VectorStore]:
    """Return the shards of the study's gallery of growing size, in their order; none where it has none."""
    found = Path("results", study, "scale", cell, "s0", "shards").glob("*.npy")
    return [open_store([path]) for path in sorted(found, key=lambda path: int(path.stem))]


def _of_shards(shards: Sequence[VectorStore], study: str, cell: str, count: int) -> tuple[Vectors, str]:
    vectors = np.concatenate([rows for shard in _least(shards, count) for _, rows in shard.blocks()])[:count]
    real = min(count, open_store([Path("results", study, "scale", cell, "s0", "real.npy")]).count)
    return vectors, _words(real, count - real, f"{study}, {cell}")


def _least(shards: Sequence[VectorStore], count: int) -> Iterator[VectorStore]:
    """Yield the first of `shards` that hold `count` vectors together."""
    held = 0
    for shard in shards:
        if held >= count:
            return
        held += shard.count
        yield shard


def _words(real: int, drawn: int, source: str) -> str:
    text = f"{real:,} real images' vectors ({source})"
    return f"{text} and {drawn:,} synthetic ones drawn from the density fitted to them" if drawn else text


def _of_study(images: Sequence[Path], count: int, source: str, seed: int) -> tuple[Vectors, str]:
    from crossmodal.search.density import draw, fit_density

    real = np.concatenate([read_embeddings(path).vectors for path in images])
    real = np.unique(real, axis=0)  # sets share pictures
    real = real[np.random.default_rng(seed).permutation(len(real))][:count]
    drawn = count - len(real)
    vectors = np.empty((count, real.shape[1]), np.float32)
    vectors[: len(real)] = real
    if drawn:
        vectors[len(real) :] = draw(fit_density(real, seed), drawn, np.random.default_rng(seed))
    return vectors, _words(len(real), drawn, source)


def mixture(count: int, generator: np.random.Generator) -> tuple[Vectors, str]:
    """Return `count` vectors of unit length, twenty around each of many centres, and what they are.

    The spread falls with the number of the coordinate, 1/sqrt(1 + i/8), as the spectrum of embeddings does, and
    all share a mean that is half of their length.
    """
    spread = 1 / np.sqrt(1 + np.arange(DIMENSION, dtype=np.float32) / 8)
    spread /= np.linalg.norm(spread)
    mean = generator.standard_normal(DIMENSION, dtype=np.float32)
    mean *= 0.7 / np.linalg.norm(mean)
    number = max(1, count // MEMBERS)
    centres = mean + generator.standard_normal((number, DIMENSION), dtype=np.float32) * spread
    vectors = np.empty((count, DIMENSION), np.float32)
    for first in range(0, count, 2**14):
        block = vectors[first : first + 2**14]
        block[:] = generator.standard_normal(block.shape, dtype=np.float32) * (0.7 * spread)
        block += centres[generator.integers(0, number, len(block))]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, (
        f"{count:,} synthetic vectors of {DIMENSION} dimensions from a mixture of {number:,} Gaussians; queries:"
        f" vectors of it with another mean than theirs and {NOISE:g} of another vector added"
    )


def mixture_queries(vectors: Vectors, count: int, generator: np.random.Generator) -> Vectors:
    """Return queries that lie off the distribution of `vectors` as texts lie off images.

    Each is the sum of a vector and a smaller part of another, both without the mean of all, and of another
    mean: the gap between modalities.
    """
    mean = vectors[: 2**14].mean(axis=0)
    gap = generator.standard_normal(vectors.shape[1], dtype=np.float32)
    gap *= np.float32(np.linalg.norm(mean) / np.linalg.norm(gap))
    own, other = (
        vectors[generator.choice(len(vectors), count, replace=len(vectors) < count)] - mean for _ in range(2)
    )
    queries: Vectors = own + gap + np.float32(NOISE) * other
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries
