"""The cache of training pairs against a slow loop, in its limit cases, and where it helps."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from crossmodal.errors import UserError
from crossmodal.reranking import cache, exact
from crossmodal.reranking.cache_params import Params
from crossmodal.reranking.exact_params import Params as Exact
from crossmodal.reranking.material import Lists, Pairs
from crossmodal.reranking.quality import quality


def pairs_of(unit, images=9, captions=2, d=12, seed=7):
    """Return random training pairs whose captions come in no order of their images."""
    owners = np.random.default_rng(seed).permutation(np.repeat(np.arange(images), captions))
    return Pairs(unit(images, d, seed), unit(images * captions, d, seed + 1), owners.astype(np.int64))


def made(material, lists, pairs, validation=None):
    from dataclasses import replace

    return replace(material(lists, pairs.captions, validation), pairs=pairs)


def scores_of(params, stuff, lists):
    return cache.prepare(params, stuff)(lists.found)


def loop(lists, pairs, alpha, beta, temperature):
    """Return the scores by the formula, pair by pair."""
    found = lists.found
    scores = np.full(found.positions.shape, -np.inf)
    for row, (query, positions) in enumerate(zip(found.queries, found.positions, strict=True)):
        weights = np.array([np.exp(float(query @ caption) / temperature) for caption in pairs.captions])
        for place, position in enumerate(positions):
            if position < 0:
                continue
            x, said = lists.vectors[position].astype(float), 0.0
            for owner, weight in zip(pairs.owners, weights / weights.sum(), strict=True):
                said += np.exp(-beta * (1 - x @ pairs.images[owner])) * weight
            scores[row, place] = query @ x + alpha * said
    return scores


@given(
    gaps=st.sampled_from([0, 3]), block=st.sampled_from([1, 300, 2**24]), images=st.integers(1, 9),
    captions=st.integers(1, 3), alpha=st.sampled_from([0.3, 2.0]), beta=st.sampled_from([0.0, 1.0, 5.5]),
    temperature=st.sampled_from([0.05, 1.0]), seed=st.integers(0, 50),
)  # fmt: skip
@settings(max_examples=30)
def test_it_equals_a_loop_over_pairs(
    unit, random_lists, material, gaps, block, images, captions, alpha, beta, temperature, seed
):
    lists, pairs = random_lists(q=7, n=20, gaps=gaps, seed=seed), pairs_of(unit, images, captions, seed=seed)
    params = Params(kind="cache", alpha=alpha, beta=beta, temperature=temperature)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "AFFINITIES", block)
        scores = scores_of(params, made(material, lists, pairs), lists)
    np.testing.assert_allclose(scores, loop(lists, pairs, alpha, beta, temperature), atol=1e-5)


@pytest.mark.parametrize("gaps", [0, 3])
def test_without_weight_it_is_exact_re_scoring(unit, random_lists, material, gaps):
    lists = random_lists(gaps=gaps)
    stuff = made(material, lists, pairs_of(unit))
    params = Params(kind="cache", alpha=0.0, beta=5.5, temperature=0.05)
    expected = exact.prepare(Exact(kind="exact"), stuff)(lists.found)
    np.testing.assert_array_equal(scores_of(params, stuff, lists), expected)


def test_of_one_pair_it_adds_the_affinity_whatever_is_asked(unit, random_lists, material):
    lists, pairs = random_lists(), pairs_of(unit, images=1, captions=1)
    stuff = made(material, lists, pairs)
    params = Params(kind="cache", alpha=0.7, beta=2.0, temperature=0.05)
    gained = (
        scores_of(params, stuff, lists)
        - exact.prepare(Exact(kind="exact", candidates=8), stuff)(lists.found)
    )  # fmt: skip
    expected = 0.7 * np.exp(-2.0 * (1 - lists.vectors @ pairs.images[0]))
    np.testing.assert_allclose(gained, expected[lists.found.positions], atol=1e-6)


def test_with_classes_for_captions_it_is_tip_adapter(unit, random_lists, material):
    """Training captions are the names of four classes, three shots each, and a query is one of them."""
    names, shots = unit(4, 12, 3), 3
    labels = np.repeat(np.arange(4), shots)
    pairs = Pairs(unit(len(labels), 12, 5), names[labels], np.arange(len(labels)))
    lists = random_lists(q=4)
    lists.found.queries[:] = names
    params = Params(kind="cache", alpha=1.5, beta=5.5, temperature=1e-3)
    scores = scores_of(params, made(material, lists, pairs), lists)
    one_hot = np.eye(4)[labels]
    tip = (
        lists.vectors @ names.T + 1.5 / shots * np.exp(-5.5 * (1 - lists.vectors @ pairs.images.T)) @ one_hot
    )
    for query, positions in enumerate(lists.found.positions):
        np.testing.assert_allclose(scores[query], tip[positions, query], atol=1e-5)


def drawn(candidates, unit, seed, n=60, d=16, classes=6):
    """Return lists and training pairs of classes whose captions and images have nothing in common but the class.

    So the inner product of a query with an image says nothing, and training pairs say everything.
    """
    rng = np.random.default_rng(seed)
    texts, pictures = unit(classes, d, 1), unit(classes, d, 2)

    def near(centres, labels):
        vectors = centres[labels] + 0.15 * rng.normal(size=(len(labels), d))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    shown, asked, learnt = (rng.integers(classes, size=n) for _ in range(3))
    positions = np.stack([rng.permutation(n) for _ in asked])
    found = candidates(near(texts, asked), positions, relevant=shown[positions] == asked[:, None])
    lists = Lists(near(pictures, shown), found, [f"{i}" for i in range(n)])
    return lists, Pairs(near(pictures, learnt), near(texts, learnt), np.arange(n))


def test_it_tells_what_only_training_pairs_know(candidates, unit, material):
    lists, pairs = drawn(candidates, unit, 0)
    stuff = made(material, lists, pairs, drawn(candidates, unit, 1)[0])
    plain = quality(lists.found, exact.prepare(Exact(kind="exact"), stuff)(lists.found))
    assert quality(lists.found, scores_of(Params(kind="cache"), stuff, lists)).mrr > plain.mrr + 0.2


def test_what_is_open_is_chosen_on_validation_lists_alone(candidates, unit, material, random_lists):
    """Whatever is asked, the choice is the same; where nothing helps on validation, the cache has no weight."""
    validation, pairs = drawn(candidates, unit, 1)
    asked = [drawn(candidates, unit, seed)[0] for seed in (2, 3)]
    chosen = [cache.choose(Params(kind="cache"), made(material, one, pairs, validation)) for one in asked]
    assert chosen[0] == chosen[1] and chosen[0].alpha > 0
    assert None not in chosen[0].model_dump().values()
    fixed = cache.choose(Params(kind="cache", beta=3.0), made(material, asked[0], pairs, validation))
    assert fixed.beta == 3.0
    perfect = random_lists(k=20)
    stuff = made(material, perfect, pairs_of(unit), perfect)
    right = exact.prepare(Exact(kind="exact"), stuff)(perfect.found)
    perfect.found.relevant[:] = right == right.max(axis=1, keepdims=True)
    assert cache.choose(Params(kind="cache"), stuff).alpha == 0


def test_what_is_missing_is_named(unit, random_lists, material):
    lists = random_lists()
    whole = Params(kind="cache", alpha=1.0, beta=5.5, temperature=0.05)
    for stuff in (
        material(lists, unit(3, 12)),
        made(material, lists, Pairs(unit(0, 12), unit(0, 12), np.arange(0))),
    ):
        with pytest.raises(UserError, match="stage cache: needs training images with their captions"):
            cache.prepare(whole, stuff)
    with pytest.raises(UserError, match="stage cache: what it leaves open is chosen on validation lists"):
        cache.prepare(Params(kind="cache"), made(material, lists, pairs_of(unit)))
