"""Training learns what there is to learn, from several galleries, and else keeps exact re-scoring."""

import csv
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from crossmodal.errors import UserError
from crossmodal.reranking import distilled, vectors
from crossmodal.reranking.lists import answerable, by_owner, merge
from crossmodal.reranking.order import inner_products, reorder
from crossmodal.reranking.probe import blind_scores
from crossmodal.reranking.quality import beats, quality
from crossmodal.reranking.scoring import score


@pytest.fixture
def train(tmp_path, learnable_lists, small):
    """Return a function that trains a stage and gives its files, its log and what scores lists by it."""

    def run(params=None, training=None, validation=None, seed=0, kind=vectors, name="stage", **files):
        params = params or small()
        training = training or [learnable_lists(seed=1), learnable_lists(seed=2)]
        validation = validation or learnable_lists(seed=3)
        made = {"config": tmp_path / f"{name}.json", "weights": tmp_path / f"{name}.safetensors"}
        log = tmp_path / f"{name}.csv"
        kind.train(params, training, validation, seed, made | files, log)
        return made, list(csv.DictReader(log.open()))

    return run


def _exact(lists):
    return inner_products(lists.vectors, lists.found, 10)


def _scores(kind, params, material, lists, files):
    return kind.prepare(params, material(lists, lists.found.queries, files=files))(lists.found)


def test_it_beats_exact_re_scoring_in_a_gallery_it_has_not_seen(train, learnable_lists, small, material):
    files, rows = train()
    config = json.loads(files["config"].read_text())
    asked = learnable_lists(seed=4)
    plain, learnt = (
        quality(asked.found, scores)
        for scores in (_exact(asked), _scores(vectors, small(), material, asked, files))
    )
    assert learnt.mrr > plain.mrr + 0.1
    assert [int(row["epoch"]) for row in rows] == list(range(7))
    best = max(rows, key=lambda row: (float(row["validation_mrr"]), float(row["validation_recall@10"])))
    assert config["epoch"] == int(best["epoch"]) > 0
    assert config["validation"]["mrr"] == pytest.approx(float(best["validation_mrr"]))
    assert config["exact"]["mrr"] == pytest.approx(float(rows[0]["validation_mrr"]))


def test_with_a_bank_it_learns_what_nnn_knows(train, hubs, small, material):
    """Images that are near to every query: the inner product cannot tell, nor can what is seen of one list."""
    params = small(candidates=100, epochs=3, bank=128)
    training, asked, bank = [hubs(1), hubs(2)], hubs(4), hubs(5).found.queries
    files, _ = train(params, training, hubs(3))
    scores = vectors.prepare(params, material(asked, bank, files=files))(asked.found)
    plain = quality(asked.found, inner_products(asked.vectors, asked.found, 100))
    assert quality(asked.found, scores).mrr > plain.mrr + 0.05


def test_a_probe_that_never_sees_the_query_learns_nothing_there(learnable_lists):
    """Answers and distractors are drawn alike, so what is gained there is no shortcut."""
    lists = learnable_lists(images=600, captions=1, k=3)
    places = np.unique(lists.found.positions)
    answers = np.zeros(600, bool)
    answers[np.random.default_rng(0).permutation(600)[:300]] = True  # the images of half of the queries
    positive = answers[places]
    scores = blind_scores(lists.vectors[places], positive, [f"{place}" for place in places], 0)
    area = (scores[positive][:, None] > scores[~positive][None]).mean()
    assert 0.42 < area < 0.58


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_there_is_nothing_to_learn_it_does_no_harm(train, learnable_lists, small, material, seed):
    noise = [learnable_lists(seed=10 * seed + i, informative=0) for i in range(4)]
    files, _ = train(training=noise[:2], validation=noise[2], seed=seed)
    scores = _scores(vectors, small(), material, noise[3], files)
    if json.loads(files["config"].read_text())["epoch"] == 0:
        np.testing.assert_array_equal(scores, _exact(noise[3]))
    plain, learnt = (quality(noise[3].found, values) for values in (_exact(noise[3]), scores))
    assert learnt.mrr > plain.mrr - 0.03


def test_what_only_harms_leaves_epoch_zero(train, learnable_lists, small, material):
    perfect = learnable_lists(seed=3)
    exact = _exact(perfect)
    perfect.found.relevant[:] = exact == exact.max(axis=1, keepdims=True)
    files, rows = train(small(early_stopping_patience=2), validation=perfect)
    config = json.loads(files["config"].read_text())
    assert config["epoch"] == 0 and config["validation"] == config["exact"] == {"mrr": 1.0, "recall@10": 1.0}
    assert len(rows) == 3  # the start and two epochs of patience
    np.testing.assert_array_equal(_scores(vectors, small(), material, perfect, files), exact)


def test_an_improvement_must_be_larger_than_its_error(learnable_lists):
    lists = learnable_lists(captions=3)
    exact, rng = _exact(lists), np.random.default_rng(0)
    better = exact + 0.2 * lists.found.relevant
    assert beats(lists, better, exact, 2.0) and not beats(lists, exact, better, 0.0)
    assert beats(lists, exact, exact, 5.0)  # no difference has no error, and is not a larger quality either
    noisy = [exact + 0.01 * rng.normal(size=exact.shape) for _ in range(40)]
    assert sum(beats(lists, scores, exact, 1.0) for scores in noisy) < 18


def test_the_same_seed_gives_the_same_bytes(train):
    first, second, other = (train(name=name, seed=seed)[0] for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first["weights"].read_bytes() == second["weights"].read_bytes()
    assert first["config"].read_bytes() == second["config"].read_bytes()
    assert first["weights"].read_bytes() != other["weights"].read_bytes()


def test_final_projection_only_trains_the_head_alone(train, small):
    all_of_it, only = small(epochs=1, standard_errors=0.0), small(epochs=8, final_projection_only=True)
    start = load_file(train(small(epochs=1, learning_rate=1e-12), name="start")[0]["weights"])
    for params, expected in ((only, {"head.weight", "head.bias"}), (all_of_it, set(start))):
        files, _ = train(params)
        assert json.loads(files["config"].read_text())["epoch"] > 0
        end = load_file(files["weights"])
        changed = {name for name in start if not np.allclose(start[name], end[name], atol=1e-9)}
        fitted = {"mean", "deviation"}
        assert {"head.weight"} <= changed <= expected - fitted


def test_the_student_learns_the_order_of_its_teacher(train, learnable_lists, small, material):
    teacher, _ = train(small(layers=2), name="teacher")
    given = {"teacher_config": teacher["config"], "teacher_weights": teacher["weights"]}
    asked = learnable_lists(seed=4)
    wanted = _scores(vectors, small(), material, asked, teacher)
    agreement = []
    for share in (1.0, 0.0):
        params = small("distilled", teacher="large", share=share)
        files, _ = train(params, kind=distilled, name=f"student-{share}", **given)
        scores = _scores(distilled, params, material, asked, files)
        agreement.append((scores.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        assert quality(asked.found, scores).mrr > quality(asked.found, _exact(asked)).mrr + 0.05
    assert agreement[0] > max(agreement[1], 0.7)


def test_without_the_teachers_share_it_is_training_alone(train, small):
    teacher, _ = train(small(layers=2, epochs=1), name="teacher")
    given = {"teacher_config": teacher["config"], "teacher_weights": teacher["weights"]}
    student, _ = train(small("distilled", teacher="t", share=0.0), kind=distilled, name="student", **given)
    alone, _ = train(small(), name="alone")
    assert student["weights"].read_bytes() == alone["weights"].read_bytes()


def test_divergence_is_that_of_the_definition_and_zero_for_equal_scores():
    import torch

    generator = torch.Generator().manual_seed(0)
    logits, wanted = torch.randn(2, 4, 6, generator=generator)
    present = torch.ones(4, 6, dtype=torch.bool)
    present[0, 4:] = False
    total = 0.0
    for row in range(4):
        there = present[row]
        p, q = (torch.softmax(side[row][there] / 3.0, 0) for side in (wanted, logits))
        total += 9.0 * float((p * (p / q).log()).sum()) / 4
    found = distilled.divergence(logits, wanted.masked_fill(~present, -torch.inf), present, 3.0)
    assert float(found) == pytest.approx(total, abs=1e-5)
    assert float(distilled.divergence(logits, logits + 2.0, present, 3.0)) == pytest.approx(0, abs=1e-5)


def test_lists_are_joined_with_each_its_own_gallery(random_lists):
    parts = [random_lists(q=5, n=20, k=6, seed=1), random_lists(q=4, n=30, k=9, gaps=2, seed=2)]
    joined = merge(parts)
    assert joined.found.positions.shape == (9, 9) and len(joined.vectors) == 50
    expected = np.full((9, 9), -np.inf, np.float32)
    expected[:5, :6], expected[5:] = (inner_products(part.vectors, part.found, 9) for part in parts)
    np.testing.assert_array_equal(inner_products(joined.vectors, joined.found, 9), expected)
    assert joined.found.relevant.sum() == 9 and joined.owners[4:6] == ["0/i4", "1/i0"]
    assert merge(parts[:1]) is parts[0]
    np.testing.assert_array_equal(reorder(joined.found, expected, 9)[:5, 6:], -1)


def test_each_owner_has_its_answerable_queries(random_lists):
    lists = random_lists(q=6)
    lists.found.relevant[:] = False
    lists.found.relevant[[0, 2, 3], [1, 7, 2]] = True
    assert by_owner(answerable(lists, 7), ["a", "b", "a", "a", "c", "d"]) == [[0, 3]]
    assert by_owner(answerable(lists, 8), ["a", "b", "c", "a", "c", "d"]) == [[0, 3], [2]]


def test_what_cannot_be_trained_on_is_named(train, random_lists):
    empty = random_lists(k=10)
    empty.found.relevant[:] = False
    with pytest.raises(UserError, match="no training query has its image among the first 10 candidates"):
        train(training=[empty], validation=random_lists(k=10))
    with pytest.raises(UserError, match=r"widths \[12, 16\]"):
        train(training=[random_lists(d=12), random_lists(d=16)], validation=random_lists(d=12))
    with pytest.raises(UserError, match="there are no training lists"):
        merge([])


def test_saved_and_read_back_it_scores_the_same(train, learnable_lists, small, material, take):
    from crossmodal.reranking.files import load

    files, _ = train()
    model = load("vectors", files["config"], files["weights"])
    assert model.params == small() and not model.training
    lists = learnable_lists(seed=5)
    expected = score(model, lists.vectors, lists.found, 7)
    np.testing.assert_array_equal(_scores(vectors, small(candidates=7), material, lists, files), expected)
    few = take(lists.found, slice(0, 3))
    np.testing.assert_allclose(score(model, lists.vectors, few, 7), expected[:3], atol=1e-5)


@pytest.mark.parametrize(
    ("config", "weights", "message"),
    [
        ("[]", None, "stage.json: not a readable re-ranker"),
        ("{}", None, "stage.json: not a readable re-ranker"),
        ("no json", None, "stage.json: not a readable re-ranker"),
        ('{"dimension": "x", "parameters": {"kind": "vectors"}}', None, "stage.json: not a readable"),
        ('{"dimension": 16, "parameters": {"kind": "vectors", "no": 1}}', None, "stage.json: not a readable"),
        ('{"dimension": 16, "parameters": {"kind": "exact"}}', None, "is a re-ranker of kind exact"),
        ('{"dimension": 99, "parameters": {"kind": "vectors"}}', None, "stage.safetensors: not a readable"),
        (None, b"no weights", "stage.safetensors: not a readable re-ranker"),
        (None, b"", "stage.safetensors: not a readable re-ranker"),
    ],
)
def test_a_broken_file_is_one_line(train, small, material, learnable_lists, config, weights, message):
    files, _ = train(small(epochs=1))
    if config is not None:
        files["config"].write_text(config)
    if weights is not None:
        files["weights"].write_bytes(weights)
    with pytest.raises(UserError, match=message) as raised:
        _scores(vectors, small(), material, learnable_lists(), files)
    assert "\n" not in str(raised.value)


def test_a_teacher_of_another_kind_is_a_user_error(train, small):
    teacher, _ = train(small(epochs=1), name="teacher")
    given = {"teacher_config": teacher["config"], "teacher_weights": teacher["weights"]}
    params = small("distilled", teacher="t", epochs=1)
    student, _ = train(params, kind=distilled, name="student", **given)
    wrong = {"teacher_config": student["config"], "teacher_weights": student["weights"]}
    with pytest.raises(UserError, match="is a re-ranker of kind distilled; one of kind vectors is needed"):
        train(params, kind=distilled, name="again", **wrong)
    with pytest.raises(UserError, match="bank 7 differs from its teacher's, which is 0"):
        train(small("distilled", teacher="t", bank=7), kind=distilled, name="again", **given)
