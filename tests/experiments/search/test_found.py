"""Numbers of what is found, lost and gained: paired by run and query, each against what it is compared with."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crossmodal.experiments.search.found import (
    exact_of,
    found_numbers,
    looks_for_nearest,
    plain_of,
    read_answers,
)
from crossmodal.experiments.search.names import INDEX_RECALL, KEPT, read_way
from crossmodal.experiments.search.params import Params
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Result
from crossmodal.statistics.settings import StatisticsParameters
from query_results import CAPTIONS, IMAGES, queries_of, write_result

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
RUNS = 3
SHARE = 0.75
ROOM = Params.model_validate(
    {
        "cells": ["lora-r8"],
        "runs": RUNS,
        "galleries": {"own": {}, "mixed": {"distractors": ["web"]}},
        "indexes": {
            "flat": {"kind": "flat"},
            "ivf-pq": {"kind": "ivf_pq", "m": 8, "refinement": {}},
            "ivf-pq-captions": {"kind": "ivf_pq", "m": 8, "caption_share": 0.5},
            "ivf-pq-nnn": {"kind": "ivf_pq", "m": 8, "nnn": {}},
        },
        "stages": {
            "few": {"kind": "exact", "candidates": 10},
            "exact": {"kind": "exact", "candidates": 50},
            "rerank": {"kind": "vectors", "candidates": 50},
        },
        "pipelines": {"ivf-pq": ["exact", "rerank"], "flat": ["rerank"]},
        "expansion": {"indexes": ["ivf-pq"], "candidates": 10},
        "gallery": "own", "index": "ivf-pq", "stage": "rerank", "exhaustive": "flat", "shifts": ["typos-3"],
    }
)  # fmt: skip
RATES = {
    "flat": 0.7, "ivf-pq": 0.5, "ivf-pq+exact": 0.6, "ivf-pq+rerank": 0.65, "ivf-pq-captions": 0.55,
    "ivf-pq-nnn": 0.52,
    "flat@mixed": 0.4, "ivf-pq+rerank@mixed": 0.3, "flat+rerank": 0.72, "flat@typos-3": 0.3,
    "ivf-pq+exact@typos-3": 0.25, "ivf-pq+rerank@typos-3": 0.2,
}  # fmt: skip


def answers(folder: Path, run: int) -> Path:
    """Write the answers of a run as the job does: every way of RATES, each with the same share."""
    rows = []
    for variant in RATES:
        way = read_way(variant, list(ROOM.galleries))
        made = write_result(
            folder, "search", "lora-r8", run, "openmoji", variant, RATES[variant], directions=1
        )
        frame = queries_of(made, "text_to_image")[["query_id", "cluster", *KEPT]]
        names = {"gallery": way.gallery or "own", "way": way.plain, "asked": way.shift or "clean"}
        rows.append(frame.assign(**names, **{INDEX_RECALL: SHARE}))
    path = folder / f"lora-r8/s7/r{run}/queries.parquet"
    path.parent.mkdir(parents=True)
    pd.concat(rows).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("search")
    return [r for run in range(RUNS) for r in read_answers(answers(folder, run), ROOM, "openmoji")]


@pytest.fixture(scope="module")
def numbers(results: list[Result]) -> dict[str, Number]:
    return {number.number_id: number for number in found_numbers(results, ROOM, STATISTICS)}


def at(variant: str, metric: str, seed: str = "*") -> str:
    return f"search/lora-r8/s{seed}/openmoji/test/{variant}/text_to_image/{metric}"


def test_a_result_is_known_by_its_place(results: list[Result]) -> None:
    assert [one.record.variant for one in results[: len(RATES)]] == list(RATES)
    seeds = [one.record.seed for one in results[:: len(RATES)]]
    assert seeds == [0, 1, 2], "the run stands in the seed's place"
    assert {one.record.cell for one in results} == {"lora-r8"}


def test_quality_rests_on_all_runs(numbers: dict[str, Number]) -> None:
    number = numbers[at("ivf-pq", "recall@10")]
    runs = [numbers[at("ivf-pq", "recall@10", str(run))].value for run in range(RUNS)]
    assert number.value == pytest.approx(np.mean(runs)) and number.n_seeds == RUNS
    assert number.n_queries == IMAGES * CAPTIONS
    assert at("ivf-pq", "recall@1") in numbers and at("ivf-pq", "recall@1", "0") not in numbers


@pytest.mark.parametrize("place", ["", "@typos-3"])
def test_the_gain_is_over_exact_re_scoring_of_the_same_candidates(numbers, place: str) -> None:
    gain = numbers[at(f"ivf-pq+rerank{place}", "gain_over_exact_recall@10")]
    first, second = (numbers[at(f"ivf-pq+{s}{place}", "recall@10")].value for s in ("rerank", "exact"))
    assert gain.value == pytest.approx(first - second) and gain.ci_low < gain.value < gain.ci_high
    assert gain.n_seeds == RUNS


def test_over_exhaustive_search_exact_re_scoring_is_nothing_new(numbers: dict[str, Number]) -> None:
    gain = numbers[at("flat+rerank", "gain_over_exact_recall@10")]
    both = [numbers[at(name, "recall@10")].value for name in ("flat+rerank", "flat")]
    assert gain.value == pytest.approx(both[0] - both[1])
    assert at("ivf-pq+rerank@mixed", "gain_over_exact_recall@10") not in numbers, "nothing to compare with"
    assert at("ivf-pq+exact", "gain_over_exact_recall@10") not in numbers


@pytest.mark.parametrize(
    "variant, exact",
    [
        ("ivf-pq+rerank@mixed", "ivf-pq+exact@mixed"),
        ("ivf-pq+expand", "ivf-pq+few"),
        ("flat+rerank@typos-3", "flat@typos-3"),
    ],
)
def test_as_many_candidates_are_compared(variant: str, exact: str) -> None:
    assert exact_of(read_way(variant, list(ROOM.galleries)), ROOM) == exact


def test_loss_is_beside_exhaustive_search_in_the_same_place(numbers: dict[str, Number]) -> None:
    for place in ("", "@mixed", "@typos-3"):
        found, flat = (numbers[at(f"{way}{place}", "recall@10")].value for way in ("ivf-pq+rerank", "flat"))
        assert numbers[at(f"ivf-pq+rerank{place}", "loss_recall@10")].value == pytest.approx(1 - found / flat)
    assert at("flat", "loss_recall@10") not in numbers


def test_other_indexes_are_beside_that_of_the_claims(numbers: dict[str, Number]) -> None:
    gain = numbers[at("ivf-pq-captions", "gain_over_index_recall@10")]
    both = [numbers[at(name, "recall@10")].value for name in ("ivf-pq-captions", "ivf-pq")]
    assert gain.value == pytest.approx(both[0] - both[1])
    assert plain_of(read_way("flat"), ROOM) == plain_of(read_way("ivf-pq"), ROOM) == "-"


def test_runs_stand_beside_one_another(numbers: dict[str, Number]) -> None:
    aa = numbers[at("ivf-pq+rerank", "aa_difference_recall@10")]
    assert aa.value == pytest.approx(0, abs=0.05) and aa.ci_low < 0 < aa.ci_high
    assert numbers[at("ivf-pq+rerank", "smallest_visible_recall@10")].value > 0


def test_what_is_found_of_exhaustive_search_is_told_of_what_looks_for_it(numbers: dict[str, Number]) -> None:
    number = numbers[at("ivf-pq+exact@typos-3", INDEX_RECALL)]
    assert number.value == pytest.approx(SHARE) and 0 <= number.ci_low <= SHARE <= number.ci_high <= 1
    assert at("ivf-pq", INDEX_RECALL) in numbers and at("ivf-pq+rerank", INDEX_RECALL) not in numbers
    assert at("ivf-pq-nnn", INDEX_RECALL) not in numbers, "its scores are corrected ones"
    gain = numbers[at("ivf-pq-captions", f"gain_over_index_{INDEX_RECALL}")]
    assert gain.value == 0


def test_an_index_of_corrected_scores_does_not_look_for_the_nearest() -> None:
    indexes = ROOM.model_dump()["indexes"] | {"nnn": {"kind": "ivf_pq", "m": 8, "refinement": {}, "nnn": {}}}
    room = Params.model_validate(ROOM.model_dump() | {"indexes": indexes})
    wanted = {
        "ivf-pq": True,
        "ivf-pq+refine": True,
        "ivf-pq+rerank": False,
        "nnn": False,
        "nnn+refine": False,
    }
    wanted |= {"nnn+exact": False}
    assert {way: looks_for_nearest(read_way(way), room) for way in wanted} == wanted
