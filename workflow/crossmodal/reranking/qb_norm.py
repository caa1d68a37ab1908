"""Query bank normalisation (QB-Norm, Bogolin et al. 2022): the dynamic inverted softmax.

Inverted softmax divides exp(q.x / T) by the sum of exp(b.x / T) over a bank of queries b; as a logarithm times T
that is q.x less a soft maximum over the bank, which is what is computed here: the order is the same, and it has
the units of the inner product.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.banks import nearest_images, soft_maxima
from crossmodal.reranking.material import Material
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.qb_norm_params import Params
from crossmodal.reranking.quality import best_of
from crossmodal.search.gallery import Candidates

TRAINED = TRANSDUCTIVE = NEEDS_TOKENS = False

TEMPERATURES = (0.05, 0.02, 0.01, 0.1, 0.2)
"""What is tried on validation lists, the paper's first."""
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates: float32 [q, c], -inf where there is none.

    Weight 0 is exact re-scoring; not dynamic and with a temperature near 0 it is NNN with one neighbour. What
    `params` leave open is chosen on validation lists (`choose`).
    """
    chosen = choose(params, material)
    assert chosen.temperature is not None and chosen.weight is not None
    vectors = material.gallery.vectors
    bias = chosen.weight * soft_maxima(vectors, material.bank, [chosen.temperature])[:, 0]
    active = _active(params, vectors, material.bank)

    def score(found: Candidates) -> Vectors:
        exact = inner_products(vectors, found, params.candidates)
        return corrected(exact, found.positions[:, : exact.shape[1]], bias, active)

    return score


def choose(params: Params, material: Material) -> Params:
    """Return `params` with a temperature and a weight: the best of the validation lists' MRR."""
    if params.temperature is not None and params.weight is not None:
        return params
    lists = material.needed_validation(params.kind)
    temperatures = TEMPERATURES if params.temperature is None else (params.temperature,)
    weights = WEIGHTS if params.weight is None else (params.weight,)
    exact = inner_products(lists.vectors, lists.found, params.candidates)
    places = lists.found.positions[:, : exact.shape[1]]
    maxima = dict(zip(temperatures, soft_maxima(lists.vectors, material.bank, temperatures).T, strict=True))
    active = _active(params, lists.vectors, material.bank)
    weight, temperature = best_of(
        product(weights, temperatures),
        lambda way: corrected(exact, places, way[0] * maxima[way[1]], active),
        lists.found,
    )
    return params.model_copy(update={"temperature": temperature, "weight": weight})


def corrected(
    exact: Vectors, positions: npt.NDArray[np.int64], bias: Vectors, active: npt.NDArray[np.bool_]
) -> Vectors:
    """Return `exact` [q, c] less the images' `bias` [n], for queries whose best candidate is `active` [n]."""
    best = np.take_along_axis(positions, exact.argmax(axis=1)[:, None], axis=1)
    scores: Vectors = np.where(active[best] & (best >= 0), exact - bias[positions], exact)
    return scores


def _active(params: Params, vectors: Vectors, bank: Vectors) -> npt.NDArray[np.bool_]:
    """Return which images are the nearest of some caption of the bank; all of them where that is not asked."""
    if not params.dynamic:
        return np.ones(len(vectors), dtype=bool)
    active = np.zeros(len(vectors), dtype=bool)
    active[nearest_images(vectors, bank)] = True
    return active
