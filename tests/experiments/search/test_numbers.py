"""Numbers of H3: what is found and lost end to end."""

from pathlib import Path

import pytest

from crossmodal.experiments.search.numbers import found_numbers, main
from crossmodal.statistics.numbers import Number, read_numbers
from crossmodal.statistics.panel import Result
from crossmodal.statistics.settings import StatisticsParameters
from query_results import CAPTIONS, IMAGES, write_result

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
PLACE = "search/lora-r8/s0/openmoji/test/{}/text_to_image/{}recall@10"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder: Path = tmp_path_factory.mktemp("study")
    return [
        write_result(folder, "search", "lora-r8", 0, "openmoji", index, rate, directions=1)
        for index, rate in (("flat", 0.7), ("ivf-pq", 0.5), ("ivf-pq+rerank", 0.6), ("ivf-pq+exact", 0.55))
    ]


def of(results: list[Result], exhaustive: str | None = "flat") -> dict[str, Number]:
    return {number.number_id: number for number in found_numbers(results, exhaustive, STATISTICS)}


def test_loss_of_approximate_search(results) -> None:
    numbers = of(results)
    flat, reranked = (numbers[PLACE.format(i, "")].value for i in ("flat", "ivf-pq+rerank"))
    assert numbers[PLACE.format("ivf-pq+rerank", "loss_")].value == pytest.approx(1 - reranked / flat)
    assert PLACE.format("flat", "loss_") not in numbers
    assert numbers[PLACE.format("flat", "")].n_queries == IMAGES * CAPTIONS


def test_without_an_exhaustive_index_there_is_nothing_to_lose(results) -> None:
    for numbers in (of(results, None), of(results, "gone")):
        assert not [name for name in numbers if "loss_" in name]
        assert PLACE.format("ivf-pq", "") in numbers


def test_the_job_knows_a_result_by_its_place(tmp_path: Path) -> None:
    searched = []
    for pipeline, rate in (("flat", 0.7), ("ivf-pq+rerank", 0.6)):
        path = tmp_path / "search" / "lora-r8" / "s3" / pipeline / "queries.parquet"
        path.parent.mkdir(parents=True)
        made = write_result(tmp_path, "search", "lora-r8", 3, "openmoji", pipeline, rate, directions=1)
        searched.append(made.record.path.rename(path))
    room = {"cells": ["lora-r8"], "indexes": {"flat": {"kind": "flat"}}, "exhaustive": "flat"}
    values = {"target": "openmoji", "cells": {}, "statistics": {"resamples": 50}, "room": room}
    main([], searched, tmp_path / "numbers.parquet", {"parameters": values})
    found = {number.number_id for number in read_numbers(tmp_path / "numbers.parquet")}
    place = "search/lora-r8/s3/openmoji/test/ivf-pq+rerank/text_to_image"
    assert {f"{place}/recall@10", f"{place}/loss_recall@10"} <= found


def test_a_re_ranker_is_compared_with_exact_re_scoring_of_the_same_index(results) -> None:
    numbers = of(results)
    exact, reranked = (numbers[PLACE.format(i, "")].value for i in ("ivf-pq+exact", "ivf-pq+rerank"))
    gain = numbers[PLACE.format("ivf-pq+rerank", "gain_over_exact_")]
    assert gain.value == pytest.approx(reranked - exact) and gain.ci_low < gain.value < gain.ci_high
    assert len([name for name in numbers if name.endswith("/gain_over_exact_recall@10")]) == 2  # s0, s*
    assert not [name for name in of(results[:3]) if "gain" in name], "there is none to compare with"
