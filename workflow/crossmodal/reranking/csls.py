"""Cross-domain similarity local scaling (CSLS, Conneau et al. 2018). Transductive: it looks at all queries."""

from collections.abc import Callable

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.banks import largest_means
from crossmodal.reranking.csls_params import Params
from crossmodal.reranking.material import Material
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.quality import best_of
from crossmodal.search.gallery import Candidates

TRAINED = NEEDS_TOKENS = False
TRANSDUCTIVE = True  # nobody who answers one query at a time has what it needs: reported apart

NEIGHBOURS = (10, 1, 2, 5, 20, 50)
"""What is tried on validation lists, the paper's first."""


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates: 2 q.x less the mean of the k largest inner products of x with all queries.

    float32 [q, c], -inf where there is none. The query's own mean, the third term of CSLS, is the same for all of
    its candidates and is left out. An open k is chosen on validation lists, among whose queries the neighbours
    are then.
    """
    if material.queries is None:
        raise UserError("stage csls: is transductive and needs all queries; material.queries is missing")
    k = choose(params, material).k
    assert k is not None
    vectors = material.gallery.vectors
    bias = largest_means(vectors, material.queries, [k])[:, 0]

    def score(found: Candidates) -> Vectors:
        exact = inner_products(vectors, found, params.candidates)
        return 2 * exact - bias[found.positions[:, : exact.shape[1]]]

    return score


def choose(params: Params, material: Material) -> Params:
    """Return `params` with a number of neighbours: the best of the validation lists' MRR."""
    if params.k is not None:
        return params
    lists = material.needed_validation(params.kind)
    exact = inner_products(lists.vectors, lists.found, params.candidates)
    places = lists.found.positions[:, : exact.shape[1]]
    columns = largest_means(lists.vectors, lists.found.queries, NEIGHBOURS).T
    means = dict(zip(NEIGHBOURS, columns, strict=True))
    k = best_of(NEIGHBOURS, lambda way: 2 * exact - means[way][places], lists.found)
    return params.model_copy(update={"k": k})
