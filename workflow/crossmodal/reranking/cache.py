"""A cache of training pairs beside the inner product: Tip-Adapter (Zhang et al. 2022) carried over to retrieval.

Tip-Adapter scores an image f against class weights W by f W' + alpha exp(-beta (1 - f K')) L (its equation 4):
keys K are training images, values L their one-hot labels. Here a query q stands where a class does, and what a
training image k_i has to say about it is how much its caption c_i is like q: the one-hot label becomes a softmax,

    score(q, x) = q.x + alpha sum_i exp(-beta (1 - x.k_i)) softmax_i(q.c_i / T).

The sum is a mean of affinities, so it is in (0, 1], and alpha is in units of the inner product. Captions of one
image share its key. Where n captions are equal to q and T is near 0, the softmax is 1 / n on these and 0
elsewhere: that is Tip-Adapter's label over the number of shots.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.cache_params import Params
from crossmodal.reranking.material import Material, Pairs, vectors_at
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.quality import best_of
from crossmodal.search.gallery import Candidates

TRAINED = TRANSDUCTIVE = NEEDS_TOKENS = False

ALPHAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
BETAS = (5.5, 1.0, 3.0, 10.0, 20.0)
TEMPERATURES = (0.05, 0.02, 0.01, 0.1)
"""What is tried on validation lists, the least change and the paper's beta first."""

AFFINITIES = 2**24  # held at once: 64 MB


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates: float32 [q, c], -inf where there is none.

    alpha 0 is exact re-scoring. What `params` leave open is chosen on validation lists (`choose`).
    """
    chosen = choose(params, material)
    assert chosen.alpha is not None and chosen.beta is not None and chosen.temperature is not None
    alpha, beta, temperature = chosen.alpha, chosen.beta, chosen.temperature
    vectors, pairs = material.gallery.vectors, material.needed_pairs(params.kind)

    def score(found: Candidates) -> Vectors:
        exact = inner_products(vectors, found, params.candidates)
        return exact + alpha * affinities(vectors, pairs, found, exact.shape[1], [(beta, temperature)])[0]

    return score


def choose(params: Params, material: Material) -> Params:
    """Return `params` with an alpha, a beta and a temperature: the best of the validation lists' MRR."""
    if params.alpha is not None and params.beta is not None and params.temperature is not None:
        return params
    lists, pairs = material.needed_validation(params.kind), material.needed_pairs(params.kind)
    alphas = ALPHAS if params.alpha is None else (params.alpha,)
    betas = BETAS if params.beta is None else (params.beta,)
    temperatures = TEMPERATURES if params.temperature is None else (params.temperature,)
    exact = inner_products(lists.vectors, lists.found, params.candidates)
    ways = list(product(betas, temperatures))
    means = dict(zip(ways, affinities(lists.vectors, pairs, lists.found, exact.shape[1], ways), strict=True))
    alpha, (beta, temperature) = best_of(
        product(alphas, ways), lambda way: exact + way[0] * means[way[1]], lists.found
    )
    return params.model_copy(update={"alpha": alpha, "beta": beta, "temperature": temperature})


def affinities(
    vectors: Any, pairs: Pairs, found: Candidates, candidates: int, ways: Sequence[tuple[float, float]]
) -> Vectors:
    """Return the mean affinity of the first `candidates` places, float32 [w, q, candidates], for each of `ways`.

    A way is a beta and a temperature. A mean is in (0, 1], and any number where there is no candidate. `vectors`
    are the gallery's, float32 [n, d] or a store of them.
    """
    means = np.empty((len(ways), len(found.positions), candidates), dtype=np.float32)
    size = max(1, AFFINITIES // max(1, candidates * len(pairs.images)))
    for start in range(0, len(found.positions), size):
        block = slice(start, start + size)
        places, inverse = np.unique(found.positions[block, :candidates], return_inverse=True)
        queries, inverse = found.queries[block], inverse.reshape(-1, candidates)
        distances = 1 - vectors_at(vectors, places) @ pairs.images.T
        said = {temperature: values(queries, pairs, temperature) for _, temperature in ways}
        for way, (beta, temperature) in enumerate(ways):
            of_places = said[temperature] @ np.exp(-beta * distances).T
            means[way, block] = np.take_along_axis(of_places, inverse, axis=1)
    return means


def values(queries: Vectors, pairs: Pairs, temperature: float) -> Vectors:
    """Return how much each training image has to say about each query: float32 [q, m], rows of sum 1.

    It is the sum over the image's captions of the softmax over all captions.
    """
    similar = queries @ pairs.captions.T / np.float32(temperature)
    shares = np.exp(similar - similar.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    found = np.zeros((len(pairs.images), len(queries)), dtype=np.float32)
    np.add.at(found, pairs.owners, shares.T)
    return found.T
