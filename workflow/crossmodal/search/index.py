"""FAISS indexes: built from a factory string, written with a card, read back for searching."""

import json
from pathlib import Path
from typing import Any

import faiss

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

PACKAGE = "search"


def build_index(
    vectors: Vectors, params: Any, seed: int, path: Path, card: Path, sources: dict[str, Any]
) -> None:
    """Build the index of `params` over `vectors`, float32 [n, d] of unit length, and write it with its card.

    Inner product is the metric; k-means starts from `seed`, so a fixed thread count gives the same bytes. The
    index is trained on the vectors that it holds. The card (JSON) says what is in the index and how large it
    is; `sources` goes into it as it is. Raises UserError where `params` do not fit the vectors.
    """
    kind = registry.load(PACKAGE, params.kind)
    count, dimension = vectors.shape
    factory = kind.factory(params, dimension, count)
    index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    _seed(index, seed)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))
    size = path.stat().st_size
    content = {
        "factory": factory,
        "parameters": params.model_dump(mode="json"),
        "metric": "inner_product",
        "trained_on": {"vectors": count, "seed": seed, **sources},
        "items": count,
        "dimension": dimension,
        "bytes": size,
        "bytes_per_item": size / count,
        "bytes_per_item_float32": 4 * dimension,
    }
    card.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _seed(index: Any, seed: int) -> None:
    """Start every k-means of `index` from `seed`."""
    try:
        inverted: Any = faiss.downcast_index(faiss.extract_index_ivf(index))
    except RuntimeError:  # not an inverted file: nothing is trained
        return
    clusterings = [inverted.cp, inverted.pq.cp] if hasattr(inverted, "pq") else [inverted.cp]
    for clustering in clusterings:
        clustering.seed = seed
        clustering.min_points_per_centroid = 1  # few vectors are no secret: the card says how many


def read_index(path: Path, params: Any) -> Any:
    """Return the index at `path`, ready to be searched as `params` say; UserError if it cannot be read."""
    try:
        index = faiss.read_index(str(path))
        registry.load(PACKAGE, params.kind).configure(index, params)
    except RuntimeError:
        raise UserError(
            f"{path}: not a readable FAISS index of kind {params.kind}; remove it and run again"
        ) from None
    return index
