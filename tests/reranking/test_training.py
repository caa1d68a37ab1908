"""The re-ranker starts as exhaustive search, learns what can be learnt, and is the same when read back."""

import csv

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from crossmodal.errors import UserError
from crossmodal.reranking.network import Reranker, load_reranker, rerank, save_reranker
from crossmodal.reranking.training import train_reranker, validate
from crossmodal.search.gallery import Candidates
from crossmodal.search.settings import RerankerParameters

SMALL = RerankerParameters(
    candidates=8,
    layers=1,
    width=32,
    heads=2,
    dropout=0.0,
    epochs=10,
    batch_size=16,
    learning_rate=1e-2,
    early_stopping_patience=None,
)


@pytest.fixture
def found(unit):
    """Return a function that gives (gallery vectors, candidates): shuffled first stages with gaps at the end."""

    def make(q=30, n=50, d=12, k=8, gaps=0, seed=0):
        rng = np.random.default_rng(seed)
        vectors, queries = unit(n, d, seed), unit(q, d, seed + 1)
        positions = np.stack([rng.permutation(n)[:k] for _ in range(q)])
        if gaps:
            positions[::2, -gaps:] = -1
        scores = -np.sort(-rng.normal(size=(q, k)), axis=1).astype(np.float32)
        scores[positions < 0] = -np.inf  # what FAISS gives for nothing, or a number near it
        return vectors, Candidates(queries, positions, scores, np.zeros((q, k), bool))

    return make


@pytest.fixture
def learnable(unit):
    """Return a function that gives (gallery, candidates, owners) where the last component marks what is right.

    The first stage does not see it: there the right item stands anywhere among its neighbours.
    """

    def make(images=150, captions=3, d=12, k=8, seed=0):
        rng = np.random.default_rng(seed)
        vectors = unit(images * k, d, seed)
        vectors[:, -1] = -0.6
        right = np.arange(images) * k + rng.integers(k, size=images)
        vectors[right, -1] = 0.6
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        image = np.repeat(np.arange(images), captions)
        positions = image[:, None] * k + rng.permuted(np.tile(np.arange(k), (len(image), 1)), axis=1)
        queries = unit(len(image), d, seed + 1)
        queries[:, -1] = 0
        scores = np.einsum("qd,qkd->qk", queries, vectors[positions])
        order = np.argsort(-scores, axis=1)
        positions, scores = (np.take_along_axis(a, order, axis=1) for a in (positions, scores))
        relevant = positions == right[image][:, None]
        return vectors, Candidates(queries, positions, scores, relevant), [f"i{i}" for i in image]

    return make


@pytest.fixture
def trained(learnable, tmp_path):
    def train(params=SMALL, seed=0):
        vectors, candidates, owners = learnable()
        other_vectors, other, _ = learnable(seed=9)
        log = tmp_path / "log.csv"
        model = train_reranker(vectors, candidates, owners, other_vectors, other, params, seed, log)
        return model, (other_vectors, other), list(csv.DictReader(log.open()))

    return train


def _weights(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("gaps", [0, 3])
def test_untrained_it_is_the_order_of_exhaustive_search(found, gaps):
    vectors, candidates = found(gaps=gaps)
    reranked = rerank(Reranker(12, SMALL).eval(), vectors, candidates)
    exact = candidates.queries @ vectors.T
    for q, (before, after) in enumerate(zip(candidates.positions, reranked, strict=True)):
        present = before[before >= 0]
        assert after[: len(present)].tolist() == sorted(present, key=lambda i: -exact[q, i])
        assert (after[len(present) :] == -1).all()


def test_what_lies_beyond_its_candidates_keeps_its_place(found):
    vectors, candidates = found(k=20)
    reranked = rerank(Reranker(12, SMALL).eval(), vectors, candidates)
    np.testing.assert_array_equal(reranked[:, 8:], candidates.positions[:, 8:])
    np.testing.assert_array_equal(np.sort(reranked[:, :8]), np.sort(candidates.positions[:, :8]))


def test_one_query_alone_is_ranked_as_in_a_batch(trained):
    model, (vectors, candidates), _ = trained()
    together = rerank(model, vectors, candidates)
    for i in range(20):
        one = slice(i, i + 1)
        alone = Candidates(
            candidates.queries[one],
            candidates.positions[one],
            candidates.scores[one],
            candidates.relevant[one],
        )
        np.testing.assert_array_equal(rerank(model, vectors, alone), together[one])


def test_candidates_are_ranked_in_the_company_of_the_others(found):
    """Cross-attention: the score of one candidate depends on the others, but not on padding."""
    vectors, candidates = found(q=1, gaps=0)
    torch.manual_seed(0)
    model = Reranker(12, SMALL).eval()
    torch.nn.init.normal_(model.head.weight)
    query, scores = torch.from_numpy(candidates.queries), torch.from_numpy(candidates.scores)
    items = torch.from_numpy(vectors[candidates.positions])
    present = torch.ones(1, 8, dtype=torch.bool)
    present[0, 7] = False
    changed = items.clone()
    changed[0, 7] = 1.0
    padded = [model(query, x, scores, present)[0, :7] for x in (items, changed)]
    torch.testing.assert_close(*padded)
    present[0, 7] = True
    seen = [model(query, x, scores, present)[0, :7] for x in (items, changed)]
    assert not torch.allclose(*seen, atol=1e-3)


def test_training_learns_what_the_first_stage_does_not_see(trained):
    model, (vectors, candidates), rows = trained()
    before = validate(Reranker(12, SMALL), vectors, candidates)
    after = validate(model, vectors, candidates)
    assert before[0] < 0.4 and after[0] > 0.9 and after[1] > before[1]
    assert [int(row["epoch"]) for row in rows] == list(range(len(rows)))
    best = max(rows, key=lambda row: (float(row["validation_recall@1"]), float(row["validation_mrr"])))
    assert (float(best["validation_recall@1"]), float(best["validation_mrr"])) == pytest.approx(after)


def test_the_same_seed_gives_the_same_weights_whatever_ran_before(trained):
    first = _weights(trained()[0])
    torch.rand(7)
    assert _weights(trained()[0]) == first
    assert _weights(trained(seed=1)[0]) != first


def test_final_projection_only_trains_the_head_alone(trained):
    params = SMALL.model_copy(update={"final_projection_only": True})
    torch.manual_seed(0)
    start, end = _weights(Reranker(12, params)), _weights(trained(params)[0])
    changed = {name for name in start if start[name] != end[name]}
    assert {"head.weight"} <= changed <= {"head.weight", "head.bias"}


def test_training_that_only_harms_returns_the_start(learnable, tmp_path):
    vectors, candidates, owners = learnable()
    other_vectors, other, _ = learnable(seed=9)
    best_first = other.queries @ other_vectors.T
    top = np.take_along_axis(best_first, other.positions, axis=1).argmax(axis=1)
    relevant = np.zeros_like(other.relevant)
    relevant[np.arange(len(top)), top] = True  # here exhaustive search is always right
    perfect = Candidates(other.queries, other.positions, other.scores, relevant)
    log = tmp_path / "log.csv"
    params = SMALL.model_copy(update={"early_stopping_patience": 2})
    model = train_reranker(vectors, candidates, owners, other_vectors, perfect, params, 0, log)
    assert validate(model, other_vectors, perfect) == (1.0, 1.0)
    assert not model.head.weight.any()
    assert len(list(csv.DictReader(log.open()))) == 3  # the start and two epochs of patience


def test_validation_equals_the_obvious_count(trained):
    model, (vectors, candidates), _ = trained(SMALL.model_copy(update={"epochs": 1}))
    ranks = []
    for row, reranked in enumerate(rerank(model, vectors, candidates)):
        right = set(candidates.positions[row][candidates.relevant[row]].tolist())
        ranks.append(next((i + 1 for i, position in enumerate(reranked) if position in right), np.inf))
    expected = np.mean([rank == 1 for rank in ranks]), np.mean([1 / rank for rank in ranks])
    assert validate(model, vectors, candidates) == pytest.approx(expected)


def test_training_without_an_answerable_query_is_a_user_error(found, tmp_path):
    vectors, candidates = found()
    owners = [str(i) for i in range(30)]
    with pytest.raises(UserError, match="nprobe"):
        train_reranker(vectors, candidates, owners, vectors, candidates, SMALL, 0, tmp_path / "log.csv")


def test_saved_and_read_back_it_ranks_the_same(trained, tmp_path):
    model, (vectors, candidates), _ = trained()
    save_reranker(model, tmp_path / "config.json", tmp_path / "weights.safetensors")
    read = load_reranker(tmp_path / "config.json", tmp_path / "weights.safetensors")
    assert read.params == SMALL and not read.training
    assert _weights(read) == _weights(model)
    np.testing.assert_array_equal(rerank(read, vectors, candidates), rerank(model, vectors, candidates))


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        ("[]", None),
        ("{}", None),
        ("no json", None),
        ('{"dimension": "x", "parameters": {}}', None),
        (None, b"no weights"),
        (None, b""),
    ],
)
def test_a_broken_file_is_a_user_error(tmp_path, config, weights):
    files = tmp_path / "config.json", tmp_path / "weights.safetensors"
    save_reranker(Reranker(12, SMALL), *files)
    if config is not None:
        files[0].write_text(config)
    if weights is not None:
        files[1].write_bytes(weights)
    with pytest.raises(UserError, match="re-ranker"):
        load_reranker(*files)


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="multiple of heads"):
        RerankerParameters(width=100, heads=3)
