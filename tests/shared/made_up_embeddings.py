"""Embeddings of a study's test set, made up, in the files that its jobs write."""

from pathlib import Path

import numpy as np

from crossmodal.models.embeddings import write_embeddings


def write_test_embeddings(folder: Path, model: str, dataset: str, seed: int = 0) -> None:
    """Write random unit vectors of six images, of a label each, and of two captions of each into `folder`."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for name, count in (("images", 6), ("captions", 12)):
        vectors = generator.standard_normal((count, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ids = [f"{name}-{number}" for number in range(count)]
        labels = [f"{number % 6}" for number in range(count)]
        digests = {"model": model, "dataset": dataset}
        write_embeddings(folder / f"{name}.parquet", ids, ids, labels, vectors, digests)
