"""The claim of H3 about the re-ranker: about which way to search, and what stands beside it."""

import pytest

from crossmodal.experiments.search.claims import claims
from crossmodal.experiments.search.params import Params
from crossmodal.statistics.hypotheses import Hypothesis
from crossmodal.statistics.numbers import Number
from judged import judged, number

GAIN = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/gain_over_exact_recall@10"
ROOM = {
    "cells": ["lora-r8"],
    "galleries": {"own": {}, "mixed": {"distractors": ["web"]}},
    "indexes": {"flat": {"kind": "flat"}, "ivf-pq": {"kind": "ivf_pq", "m": 8}},
    "stages": {"exact": {"kind": "exact"}, "rerank": {"kind": "vectors"}},
    "pipelines": {"ivf-pq": ["exact", "rerank"]},
    "gallery": "own", "index": "ivf-pq", "stage": "rerank", "exhaustive": "flat", "shifts": ["typos-3"],
}  # fmt: skip


def found(numbers: list[Number], **changes: object) -> dict[str, Hypothesis]:
    return judged(claims(Params.model_validate(ROOM | changes), "openmoji", {}), numbers)


def test_what_is_claimed() -> None:
    (hypothesis,) = found([]).values()
    assert (hypothesis.id, hypothesis.verdict) == ("H3.rerank", "inconclusive")
    assert "Not measured" in hypothesis.note and not hypothesis.number_ids
    assert (hypothesis.statement, hypothesis.relation, hypothesis.target, hypothesis.unit) == (
        "rerank finds more than exact re-scoring of the same candidates of ivf-pq, recall@10",
        ">", 0.0, "fraction",
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{"index": None}, {"stage": None}, {"cells": []}])
def test_a_claim_about_nobody_is_left_out(changes: dict[str, object]) -> None:
    assert found([number(GAIN, 0.1, 0.05, 0.2)], **changes) == {}


@pytest.mark.parametrize(
    "ends, verdict",
    [((0.01, 0.03), "supported"), ((-0.01, 0.03), "inconclusive"), ((-0.03, -0.01), "refuted")],
)
def test_the_gain_decides(ends: tuple[float, float], verdict: str) -> None:
    assert found([number(GAIN, sum(ends) / 2, *ends)])["H3.rerank"].verdict == verdict


def test_the_other_gallery_and_the_shift_stand_beside_it() -> None:
    numbers = [number(GAIN, 0.02, 0.01, 0.03)]
    for variant, value in (("ivf-pq+rerank@mixed", 0.01), ("ivf-pq+rerank@typos-3", 0.03)):
        numbers.append(number(GAIN.replace("ivf-pq+rerank", variant), value, 0.0, 0.1))
    zero = GAIN.replace("/test/", "/val/").replace("gain_over_exact_recall@10", "epoch_zero")
    numbers.append(number(zero, 0.2))
    hypothesis = found(numbers)["H3.rerank"]
    assert hypothesis.number_ids == [n.number_id for n in numbers]
    assert hypothesis.note == (
        "gain in mixed: 1.0 %; gain in typos-3: 3.0 %; runs that stayed at exact re-scoring: 20.0 %"
    )


def test_the_cell_is_the_one_that_is_named_or_the_first() -> None:
    numbers = [number(GAIN.replace("lora-r8", cell), 0.1, 0.05, 0.2) for cell in ("lora-r8", "full")]
    both = {"cells": ["full", "lora-r8"]}
    assert found(numbers, **both)["H3.rerank"].number_ids == [numbers[1].number_id]
    assert found(numbers, **both, cell="lora-r8")["H3.rerank"].number_ids == [numbers[0].number_id]


def test_what_untrained_stages_gain_stands_beside_it() -> None:
    stages = ROOM["stages"] | {"nnn": {"kind": "nnn"}, "rerank-2": {"kind": "vectors"}}
    pipelines = {"ivf-pq": ["exact", "nnn", "rerank", "rerank-2"]}
    numbers = [number(GAIN, 0.02, 0.01, 0.03), number(GAIN.replace("rerank", "nnn"), 0.025, 0.01, 0.03)]
    hypothesis = found(numbers, stages=stages, pipelines=pipelines)["H3.rerank"]
    assert "gain of nnn, untrained: 2.5" in hypothesis.note and "rerank-2" not in hypothesis.note
