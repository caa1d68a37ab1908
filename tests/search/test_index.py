"""Indexes find what exhaustive search finds, are written the same each time, and refuse what cannot be."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.search.index import build_index, read_index
from crossmodal.search.measure import index_recall

FLAT = {"kind": "flat"}
IVF_PQ = {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 6, "nprobe": 8}


@pytest.fixture
def built(tmp_path):
    """Return a function that builds an index and gives (index, its bytes, its card)."""

    def build(vectors, values, seed=0):
        params = registry.parse("search", values)
        path, card = tmp_path / "index.faiss", tmp_path / "card.json"
        build_index(vectors, params, seed, path, card, {"models": ["m"]})
        return read_index(path, params), path.read_bytes(), json.loads(card.read_text())

    return build


@given(n=st.integers(1, 60), d=st.integers(1, 24), q=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_flat_equals_a_sorted_product(tmp_path_factory, unit, n, d, q, seed):
    vectors, queries = unit(n, d, seed), unit(q, d, seed + 1)
    folder = tmp_path_factory.mktemp("flat")
    params = registry.parse("search", FLAT)
    build_index(vectors, params, 0, folder / "i", folder / "c", {})
    k = min(5, n)
    scores, positions = read_index(folder / "i", params).search(queries, k)
    exact = queries @ vectors.T
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :k], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, positions, axis=1), scores, atol=1e-5)


def test_recall_rises_with_nprobe_with_code_length_and_with_refinement(built, unit):
    vectors = unit(1500, 32)
    queries = vectors[:200] + 0.4 * unit(200, 32, 1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)

    def recall(**changes):
        index, _, _ = built(vectors, IVF_PQ | changes)
        return index_recall(vectors, queries, index.search(queries, 10)[1], 10).mean()

    narrow, whole, finer, refined = recall(nprobe=1), recall(), recall(m=32), recall(refine=True)
    assert 0.05 < narrow < whole < finer < 1
    assert whole + 0.2 < refined
    flat, _, _ = built(vectors, FLAT)
    assert index_recall(vectors, queries, flat.search(queries, 10)[1], 10).min() == 1


def test_the_card_says_what_the_file_holds(built, unit):
    vectors = unit(300, 16)
    index, data, card = built(vectors, IVF_PQ, seed=5)
    assert card["factory"] == "IVF8,PQ8x6np" and card["metric"] == "inner_product"
    assert card["items"] == index.ntotal == 300 and card["dimension"] == 16
    assert card["bytes"] == len(data) and card["bytes_per_item"] == len(data) / 300
    assert card["trained_on"] == {"vectors": 300, "seed": 5, "models": ["m"]}
    assert registry.parse("search", card["parameters"]) == registry.parse("search", IVF_PQ)


@pytest.mark.parametrize("values", [FLAT, IVF_PQ, IVF_PQ | {"refine": True}])
def test_the_same_seed_gives_the_same_bytes(built, unit, values):
    vectors = unit(300, 16)
    first, again, other = (built(vectors, values, seed)[1] for seed in (0, 0, 1))
    assert first == again
    assert (first != other) == (values["kind"] == "ivf_pq")


def test_search_settings_are_those_of_the_reader(built, unit, tmp_path):
    built(unit(300, 16), IVF_PQ)
    read = read_index(tmp_path / "index.faiss", registry.parse("search", IVF_PQ | {"nprobe": 3}))
    assert read.nprobe == 3


def test_m_must_divide_the_dimension(built, unit):
    with pytest.raises(UserError, match=r"m=8 .*dimension 20"):
        built(unit(300, 20), IVF_PQ)


@pytest.mark.parametrize(("changes", "needed"), [({}, 64), ({"nlist": 70}, 70), ({"bits": 8}, 256)])
def test_too_few_vectors_are_refused_with_the_numbers(built, unit, changes, needed):
    with pytest.raises(UserError, match=rf"\b{needed - 1} vectors.*at least {needed}\b"):
        built(unit(needed - 1, 16), IVF_PQ | changes)
    built(unit(needed, 16), IVF_PQ | changes)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_a_user_error(built, unit, tmp_path, share):
    _, data, _ = built(unit(300, 16), IVF_PQ)
    (tmp_path / "cut.faiss").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"cut\.faiss"):
        read_index(tmp_path / "cut.faiss", registry.parse("search", IVF_PQ))


def test_a_foreign_or_missing_file_is_a_user_error(tmp_path):
    (tmp_path / "text").write_text("not an index" * 100)
    for name in ("text", "nothing"):
        with pytest.raises(UserError, match=name):
            read_index(tmp_path / name, registry.parse("search", FLAT))


def test_an_index_of_another_kind_is_a_user_error(built, unit, tmp_path):
    built(unit(300, 16), FLAT)
    with pytest.raises(UserError, match=r"index\.faiss"):
        read_index(tmp_path / "index.faiss", registry.parse("search", IVF_PQ))


@pytest.mark.parametrize("values", [{"nlist": 0}, {"bits": 13}, {"m": 0}, {"nprobe": 0}, {"probes": 2}])
def test_wrong_parameters_are_refused(values):
    with pytest.raises(ValidationError):
        registry.parse("search", IVF_PQ | values)
