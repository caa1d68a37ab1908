"""Rankings for other tools: against counts item by item, and against trec_eval reading what is written."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.statistics.metrics import score_queries
from crossmodal.statistics.mteb import scores_of, to_mteb, write_mteb
from crossmodal.statistics.rankings import metrics_at, rankings, strictly_falling
from crossmodal.statistics.trec import name_of, write_judgements, write_run

MEASURES = {
    "recall": "recall_at_{}", "P": "precision_at_{}", "ndcg_cut": "ndcg_at_{}", "map_cut": "map_at_{}",
    "success": "hit_rate_at_{}",
}  # fmt: skip
"""trec_eval's names of the metrics that it has at many depths, and ours."""


@dataclass(frozen=True)
class Table:
    ids: list[str]
    image_ids: list[str]
    labels: list[str]
    vectors: np.ndarray


def table(name: str, count: int, kinds: int, seed: int, steps: int | None = None) -> Table:
    """Return unit vectors with labels; of few `steps` a coordinate, so that many of their products tie."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((count, 4))
    if steps:
        vectors = np.round(vectors * steps) / steps + [0, 0, 0, 1e-3]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = [f"label {number % kinds}" for number in generator.permutation(count)]
    ids = [f"{name}/{number} ä#0" for number in range(count)]
    return Table(ids, ids, labels, vectors.astype(np.float32))


def slow_metrics(relevance: list[bool], positives: int, k: int) -> dict[str, float]:
    head = relevance[:k]
    found = [rank for rank, is_positive in enumerate(head, start=1) if is_positive]
    ideal = sum(1 / np.log2(rank + 1) for rank in range(1, min(positives, k) + 1))
    return {
        f"hit_rate_at_{k}": float(any(head)),
        f"recall_at_{k}": len(found) / positives,
        f"precision_at_{k}": len(found) / k,
        f"ndcg_at_{k}": sum(1 / np.log2(rank + 1) for rank in found) / ideal,
        f"map_at_{k}": sum(sum(head[:rank]) / rank for rank in found) / positives,
        f"mrr_at_{k}": 1 / found[0] if found else 0.0,
    }


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 5), st.integers(1, 20))
def test_metrics_are_those_of_a_slow_count(relevance: list[bool], unfound: int, k: int) -> None:
    positives = sum(relevance) + unfound
    found = metrics_at(np.array([relevance]), np.array([positives]), (k,))
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(
        slow_metrics(relevance, positives, k)
    )


@given(st.lists(st.sampled_from([0.5, 0.25, -1.0, 1.0]), min_size=1, max_size=30))
def test_scores_fall_strictly_and_stay_where_they_were(values: list[float]) -> None:
    scores = np.sort(np.array([values], np.float32))[:, ::-1]
    falling = strictly_falling(scores)
    assert (np.diff(falling) < 0).all() and falling[0, 0] == scores[0, 0]
    assert np.allclose(falling, scores, atol=1e-5)


@settings(max_examples=25)
@given(st.integers(2, 60), st.integers(1, 60), st.integers(0, 1000), st.sampled_from([None, 1, 2]))
def test_trec_eval_finds_in_the_files_what_is_measured_here(
    tmp_path_factory: pytest.TempPathFactory, items: int, queries: int, seed: int, steps: int | None
) -> None:
    folder = tmp_path_factory.mktemp("trec")
    kinds = min(items, queries, 5)
    gallery, asked = (
        table("image", items, kinds, seed, steps),
        table("caption", queries, kinds, seed + 1, steps),
    )
    write_run(folder / "a.run", asked, gallery, "a model", depth=20)
    write_judgements(folder / "a.qrels", asked, gallery)
    with (folder / "a.run").open() as run, (folder / "a.qrels").open() as judgements:
        evaluator = pytrec_eval.RelevanceEvaluator(
            pytrec_eval.parse_qrel(judgements), {f"{name}.1,5,10" for name in MEASURES} | {"recip_rank"}
        )
        theirs = evaluator.evaluate(pytrec_eval.parse_run(run))
    [ranking] = rankings(asked, gallery, 20)
    ours = metrics_at(ranking.relevance, ranking.positives, (1, 5, 10, 20))
    assert len(theirs) == queries
    for number, query in enumerate(asked.ids):
        found = theirs[name_of(query)]
        assert found["recip_rank"] == pytest.approx(ours["mrr_at_20"][number], abs=1e-4)
        for their, our in MEASURES.items():
            for k in (1, 5, 10):
                value = ours[our.format(k)][number]
                assert found[f"{their}_{k}"] == pytest.approx(value, abs=1e-4), (their, k)


def test_the_studys_recall_is_the_hit_rate_and_blocks_change_nothing() -> None:
    gallery, asked = table("image", 50, 7, 0, 2), table("caption", 40, 7, 1, 2)
    codes = {label: code for code, label in enumerate(sorted({*gallery.labels, *asked.labels}))}
    labels = [np.array([codes[label] for label in side.labels]) for side in (asked, gallery)]
    expected = score_queries(asked.vectors, gallery.vectors, *labels).metrics
    scores = scores_of(asked, gallery)
    for k in (1, 5, 10):
        assert scores[f"hit_rate_at_{k}"] == expected[f"recall@{k}"].mean()
    assert scores["ndcg_at_10"] == pytest.approx(expected["ndcg@10"].mean())
    assert scores["map_at_1000"] == pytest.approx(expected["map"].mean())
    whole, parts = list(rankings(asked, gallery, 10)), list(rankings(asked, gallery, 10, block=150))
    assert len(whole) == 1 and len(parts) == 14 and [part.first for part in parts] == list(range(0, 40, 3))
    for field in ("positions", "scores", "relevance", "positives"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        assert np.array_equal(joined, getattr(whole[0], field))


def test_a_task_of_mteb_names_its_dataset_and_what_stands_first(tmp_path) -> None:
    result = to_mteb("toy-T2IRetrieval", "test", {"ndcg_at_10": 0.5, "hit_rate_at_1": 0.25}, "digest")
    path = write_mteb(tmp_path, "crossmodal/toy", "1234", result)
    assert path == tmp_path / "crossmodal__toy/1234/toy-T2IRetrieval.json"
    assert json.loads((path.parent / "model_meta.json").read_text())["name"] == "crossmodal/toy"
    [scores] = json.loads(path.read_text())["scores"]["test"]
    assert (scores["main_score"], scores["hit_rate_at_1"], scores["hf_subset"]) == (0.5, 0.25, "default")
