"""Numbers of H3: what is found and lost end to end."""

from pathlib import Path

import pytest

from crossmodal.experiments.search.numbers import found_numbers
from crossmodal.statistics.numbers import Number
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
        for index, rate in (("flat", 0.7), ("ivf-pq", 0.5), ("ivf-pq+rerank", 0.6))
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
