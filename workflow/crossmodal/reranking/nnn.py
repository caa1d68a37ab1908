"""Nearest neighbour normalisation (NNN, arXiv 2410.24114), by the similarity to training captions."""

from collections.abc import Callable
from itertools import product

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.banks import largest_means
from crossmodal.reranking.material import Material
from crossmodal.reranking.nnn_params import Params
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.quality import best_of
from crossmodal.search.gallery import Candidates

TRAINED = TRANSDUCTIVE = NEEDS_TOKENS = False

NEIGHBOURS = (16, 32, 64, 128, 256)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What is tried on validation lists, the least change first."""


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates: q.x less `weight` times the mean of the k largest similarities of x.

    float32 [q, c], -inf where there is none. Weight 0 is exact re-scoring. What `params` leave open is chosen on
    validation lists (`choose`).
    """
    chosen = choose(params, material)
    assert chosen.k is not None and chosen.weight is not None
    vectors = material.gallery.vectors
    bias = chosen.weight * largest_means(vectors, material.bank, [chosen.k])[:, 0]
    return lambda found: corrected(vectors, found, bias, params.candidates)


def choose(params: Params, material: Material) -> Params:
    """Return `params` with a number of neighbours and a weight: the best of the validation lists' MRR."""
    if params.k is not None and params.weight is not None:
        return params
    lists = material.needed_validation(params.kind)
    counts = NEIGHBOURS if params.k is None else (params.k,)
    weights = WEIGHTS if params.weight is None else (params.weight,)
    exact = inner_products(lists.vectors, lists.found, params.candidates)
    places = lists.found.positions[:, : exact.shape[1]]
    means = dict(zip(counts, largest_means(lists.vectors, material.bank, counts).T, strict=True))
    weight, k = best_of(
        product(weights, counts), lambda way: exact - way[0] * means[way[1]][places], lists.found
    )
    return params.model_copy(update={"k": k, "weight": weight})


def corrected(vectors: Vectors, found: Candidates, bias: Vectors, candidates: int) -> Vectors:
    """Return the exact inner products of the candidates less the `bias` [n] of their images."""
    exact = inner_products(vectors, found, candidates)
    return exact - bias[found.positions[:, : exact.shape[1]]]
