"""Exact re-scoring: candidates in the order of their exact inner products, as exhaustive search has them."""

from collections.abc import Callable

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.exact_params import Params
from crossmodal.reranking.material import Material
from crossmodal.reranking.order import inner_products
from crossmodal.search.gallery import Candidates

TRAINED = TRANSDUCTIVE = NEEDS_TOKENS = False


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates of the gallery: float32 [q, c], -inf where there is none."""
    vectors = material.gallery.vectors
    return lambda found: inner_products(vectors, found, params.candidates)
