"""The claims of H3: about which index, at which scale."""

import pytest

from crossmodal.experiments.search.claims import claims
from crossmodal.experiments.search.params import Params
from crossmodal.statistics.hypotheses import Hypothesis
from crossmodal.statistics.numbers import Number
from judged import judged, number

INDEXES = {"flat": {"kind": "flat"}, "ivf-pq": {"kind": "ivf_pq", "nlist": 4, "m": 8}}
P95 = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p95"
ITEMS = P95.replace("latency_p95", "items")


def roles(**values: object) -> Params:
    return Params.model_validate(
        {"cells": ["lora-r8"], "indexes": INDEXES, "index": "ivf-pq", "exhaustive": "flat"} | values
    )


def found(numbers: list[Number], params: Params) -> dict[str, Hypothesis]:
    return judged(claims(params, "openmoji", {}), numbers)


def test_what_is_claimed() -> None:
    hypotheses = found([], roles())
    assert list(hypotheses) == ["H3.latency", "H3.recall"]
    assert {h.verdict for h in hypotheses.values()} == {"inconclusive"}
    assert all("Not measured" in h.note and not h.number_ids for h in hypotheses.values())
    assert [(h.statement, h.relation, h.target, h.unit) for h in hypotheses.values()] == [
        ("ivf-pq with re-ranking answers 95 % of queries within 50 ms at 10 million items", "<", 50.0, "ms"),
        (
            "ivf-pq with re-ranking loses less than 2 % of the recall@10 of exhaustive search",
            "<", 0.02, "fraction",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [{"index": None}, {"cells": []}])
def test_a_claim_about_nobody_is_left_out(changes: dict[str, object]) -> None:
    assert found([number(P95, 3.0, 2.0, 4.0, "ms")], roles(**changes)) == {}


def test_the_cell_is_the_one_that_is_named_or_the_first() -> None:
    numbers = [number(P95.replace("lora-r8", cell), 3.0, 2.0, 4.0, "ms") for cell in ("lora-r8", "full")]
    both = {"cells": ["full", "lora-r8"]}
    assert found(numbers, roles(**both))["H3.latency"].number_ids == [numbers[1].number_id]
    named = found(numbers, roles(**both, cell="lora-r8"))
    assert named["H3.latency"].number_ids == [numbers[0].number_id]


@pytest.mark.parametrize(
    "items, verdict", [(5_000, "inconclusive"), (10_000_000, "supported"), (None, "inconclusive")]
)
def test_latency_counts_at_its_scale_only(items: int | None, verdict: str) -> None:
    numbers = [number(P95, 3.0, 2.0, 4.0, "ms")]
    if items:
        numbers.append(number(ITEMS, items, unit="count"))
    hypothesis = found(numbers, roles())["H3.latency"]
    assert hypothesis.verdict == verdict and hypothesis.measured == 3.0
    assert ("items, the claim is about 10,000,000" in hypothesis.note) == (verdict == "inconclusive")


def test_the_loss_stands_beside_that_of_the_index_alone() -> None:
    place = "search/lora-r8/s*/openmoji/test/{}/text_to_image/{}"
    numbers = [
        number(place.format("ivf-pq+rerank", "loss_recall@10"), 0.01, 0.0, 0.015),
        number(place.format("ivf-pq", "loss_recall@10"), 0.2, 0.1, 0.3),
        number(place.format("ivf-pq", "index_recall@10"), 0.8, 0.7, 0.9),
    ]
    hypothesis = found(numbers, roles())["H3.recall"]
    assert hypothesis.verdict == "supported" and hypothesis.number_ids == [n.number_id for n in numbers]
    assert hypothesis.note == "without re-ranking: 20.0 %; index against exhaustive search: 80.0 %"
