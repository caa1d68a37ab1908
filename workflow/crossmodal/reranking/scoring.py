"""Scores of candidates by a network, in batches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.files import load
from crossmodal.reranking.material import Material, vectors_at
from crossmodal.reranking.nearness import extended
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.order import products
from crossmodal.reranking.settings import NetworkParameters
from crossmodal.search.gallery import Candidates

BATCH = 32  # queries at a time: 100 candidates of width 512 are 6.5 MB


def score(model: Reranker, vectors: Any, found: Candidates, candidates: int) -> Vectors:
    """Return the corrected inner products of the first `candidates`, float32 [q, c], -inf where there is none.

    `vectors` are the gallery's, an array or a store, extended where the model asks for it (nearness.py). An
    untrained model gives the exact inner products to the bit.
    """
    if found.queries.shape[1] != model.dimension:
        raise UserError(
            f"re-ranker: made for vectors of width {model.dimension}, asked with width "
            f"{found.queries.shape[1]}; train one for this model's embeddings"
        )
    c = min(candidates, found.positions.shape[1])
    scores = np.empty((len(found.positions), c), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(scores), BATCH):
            rows = slice(start, start + BATCH)
            arguments = tensors_of(vectors, found, rows, c)
            scores[rows] = (arguments[2] + model(*arguments)).numpy()
    return scores


def scorer(params: NetworkParameters, kind: str, material: Material) -> Callable[[Candidates], Vectors]:
    """Return `score` for the trained files and the gallery of `material`.

    How many candidates are put in order is what `params` say, whatever the model was trained with.
    """
    model = load(kind, material.file(kind, "config"), material.file(kind, "weights"))
    vectors = material.gallery.vectors
    if model.params.bank:
        vectors = extended(vectors, material.bank, model.params.bank)
    return lambda found: score(model, vectors, found, params.candidates)


def tensors_of(
    vectors: Any, found: Candidates, rows: slice | npt.NDArray[np.int64], c: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the model's arguments (queries, items, exact) for the queries `rows` and their first c candidates."""
    positions, queries = found.positions[rows, :c], found.queries[rows]
    items = vectors_at(vectors, positions)
    exact = products(items, queries, positions)
    return torch.from_numpy(queries), torch.from_numpy(items), torch.from_numpy(exact)
