"""The rule of verdicts, and the claims about the numbers of a study."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.statistics.clip_benchmark import to_clip_benchmark, write_clip_benchmark
from crossmodal.statistics.hypotheses import judge, rollup, verdict_of, write_hypotheses
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.records import CellFacts
from crossmodal.statistics.settings import HypothesisParameters, SecondDomain

ROLES = HypothesisParameters()
IDS = [
    "H1.recall@1", "H1.recall@5", "H1.parameters", "H1.latency", "H2.adversarial", "H2.standard", "H3.latency",
    "H3.recall",
]  # fmt: skip


def number(number_id, value, low=None, high=None, unit="fraction"):
    experiment, cell, seed, dataset, split, variant, direction, metric = number_id.split("/")
    return Number(
        experiment, cell, seed[1:], dataset, split, variant, direction, metric, value, low, high, 9, unit
    )


RETENTION = "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"
P95 = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p95"
ITEMS = P95.replace("latency_p95", "items")


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_exactly_one_verdict_and_relations_mirror(low, width, target):
    high = low + width
    verdict = verdict_of(low, high, ">", target)
    assert verdict == (
        "supported" if low > target else "refuted" if high <= target else "inconclusive"
    )  # fmt: skip
    assert verdict_of(-high, -low, "<", -target) == verdict


@pytest.mark.parametrize(
    "interval, verdict",
    [((0.96, 0.99), "supported"), ((0.9, 0.95), "refuted"), ((0.94, 0.96), "inconclusive")],
)
def test_retention(interval, verdict):
    low, high = interval
    context = number(RETENTION.replace("/mean/", "/text_to_image/"), 0.9, 0.8, 1.0)
    found = {h.id: h for h in judge([number(RETENTION, 0.95, low, high), context], "openmoji", ROLES)}
    hypothesis = found["H1.recall@1"]
    assert (hypothesis.verdict, hypothesis.ci_low, hypothesis.ci_high) == (verdict, low, high)
    assert hypothesis.number_ids == [RETENTION, context.number_id]
    assert "text to image: 90.0 %" in hypothesis.note and "lora-r8" in hypothesis.statement


def test_missing_numbers_are_inconclusive():
    found = judge([], "openmoji", ROLES)
    assert [h.id for h in found] == IDS
    assert {h.verdict for h in found} == {"inconclusive"}
    assert all("Not measured" in h.note and not h.number_ids for h in found)


@pytest.mark.parametrize(
    "role, gone",
    [
        ("peft", {"H1.recall@1", "H1.recall@5", "H1.parameters", "H1.latency", "H3.latency", "H3.recall"}),
        ("reference", {"H1.recall@1", "H1.recall@5", "H1.parameters", "H1.latency"}),
        ("adversarial", {"H2.adversarial"}),
        ("standard", {"H2.standard"}),
        ("search_index", {"H3.latency", "H3.recall"}),
        ("baseline", set()),
        ("exhaustive", set()),
    ],
)
def test_a_claim_about_nobody_is_left_out(role, gone):
    """Its statement would hold the role's name where a cell stands."""
    found = judge([number(RETENTION, 1.0, 1.0, 1.0)], "openmoji", ROLES.model_copy(update={role: None}))
    assert [h.id for h in found] == [name for name in IDS if name not in gone]


def test_a_study_may_claim_nothing():
    nobody = HypothesisParameters(peft=None, search_index=None, adversarial=None, standard=None)
    assert judge([number(RETENTION, 1.0, 1.0, 1.0)], "openmoji", nobody) == []


def test_a_number_without_interval_is_inconclusive():
    found = judge([number(RETENTION, None)], "openmoji", ROLES)
    assert found[0].verdict == "inconclusive" and "no finite interval" in found[0].note


@pytest.mark.parametrize(
    "items, verdict", [(5_000, "inconclusive"), (10_000_000, "supported"), (None, "inconclusive")]
)
def test_latency_counts_at_its_scale_only(items, verdict):
    numbers = [number(P95, 3.0, 2.0, 4.0, "ms")]
    if items:
        numbers.append(number(ITEMS, items, unit="count"))
    hypothesis = {h.id: h for h in judge(numbers, "openmoji", ROLES)}["H3.latency"]
    assert hypothesis.verdict == verdict and hypothesis.measured == 3.0
    assert ("items, the claim is about 10,000,000" in hypothesis.note) == (verdict == "inconclusive")


def test_a_second_domain_is_judged_where_it_is_named():
    roles = HypothesisParameters(
        second=SecondDomain(dataset="fluent", peft="lora-r8-fluent", reference="full-fluent")
    )
    place = "peft/lora-r8-fluent/s*/fluent/test/clean/mean/retention_recall@5"
    found = {h.id: h for h in judge([number(place, 0.97, 0.96, 0.98)], "openmoji", roles)}
    assert list(found)[:4] == ["H1.recall@1", "H1.recall@5", "H1.recall@1.second", "H1.recall@5.second"]
    hypothesis = found["H1.recall@5.second"]
    assert hypothesis.verdict == "supported" and hypothesis.number_ids == [place]
    assert (
        hypothesis.statement == "lora-r8-fluent keeps more than 95 % of the recall@5 of full-fluent on fluent"
    )
    assert found["H1.recall@1.second"].verdict == "inconclusive"


def test_below_ninety_per_cent_the_contingencies_stand_beside():
    cells = {
        "lora-r8": CellFacts(dataset="openmoji", method="lora"),
        "lora-r8-blocks": CellFacts(dataset="openmoji", method="lora_blocks"),
        "adalora": CellFacts(dataset="openmoji", method="adalora"),
        "adalora-fluent": CellFacts(dataset="fluent", method="adalora"),
        "adalora-pgd": CellFacts(dataset="openmoji", method="adalora", adversarial=True),
    }
    names = {cell: RETENTION.replace("lora-r8", cell) for cell in cells}
    numbers = [
        number(name, 0.7 + 0.01 * i, 0.6, 0.8) for i, name in enumerate(names.values())
    ]  # fmt: skip
    found = judge(numbers, "openmoji", ROLES, cells)[0]
    assert found.number_ids == [names[cell] for cell in ("lora-r8", "lora-r8-blocks", "adalora")]
    assert "lora-r8-blocks: 71.0 %; adalora: 72.0 %." in found.note and "Below 90 %" in found.note
    alone = judge(numbers[:1], "openmoji", ROLES, {"lora-r8": cells["lora-r8"]})[0]
    assert "this study has neither" in alone.note
    kept = judge([number(RETENTION, 0.91, 0.9, 0.92), *numbers[1:]], "openmoji", ROLES, cells)[0]
    assert "Below" not in kept.note and kept.number_ids == [RETENTION]


def test_latency_is_judged_merged_where_the_method_can_be_merged():
    place = "peft/lora-r8/s*/-/-/{}/-/saved_latency_pair"
    both = [number(place.format(form), v, v, v) for form, v in (("merged", 0.0), ("unmerged", -0.3))]
    merged = {h.id: h for h in judge(both, "openmoji", ROLES)}["H1.latency"]
    assert merged.number_ids == [place.format("merged"), place.format("unmerged")]
    unmerged = {h.id: h for h in judge(both[1:], "openmoji", ROLES)}["H1.latency"]
    assert unmerged.number_ids == [place.format("unmerged")] and unmerged.measured == -0.3
    assert unmerged.note == "Measured unmerged: its method cannot be folded."


def test_the_strongest_attack_of_each_threat_is_told():
    place = "attack/lora-r8-pgd/s*/openmoji/test/{}/{}/degradation_recall@1"
    attacks = [
        number(place.format(variant, "text_to_image"), value, value, value)
        for variant, value in (("text-0.1", 0.3), ("text-0.2", 0.5), ("gallery-image-10of255", 0.7),
                               ("gallery-image-9of255", 0.6))
    ]  # fmt: skip
    found = {h.id: h for h in judge(attacks, "openmoji", ROLES)}["H2.adversarial"]
    assert "under attack (text-0.2): 50.0 %; under attack (gallery-image-10of255): 70.0 %" in found.note
    assert found.number_ids == [attacks[1].number_id, attacks[2].number_id]


def test_rollup_and_file(tmp_path):
    place = "robustness/{}/s*/openmoji/test/shifts-mean/mean/degradation_recall@1"
    numbers = [
        number(place.format("lora-r8-pgd"), 0.03, 0.02, 0.04),
        number(place.format("full"), 0.3, 0.2, 0.4),
        number(RETENTION, 0.5, 0.4, 0.6),
    ]
    found = judge(numbers, "openmoji", ROLES)
    assert rollup(found) == {"H1": "refuted", "H2": "supported", "H3": "inconclusive"}
    write_hypotheses(tmp_path / "h.json", found)
    stored = json.loads((tmp_path / "h.json").read_text())
    assert [row["id"] for row in stored] == IDS
    wanted = {"id", "statement", "target", "measured", "ci_low", "ci_high", "verdict", "number_ids", "note"}
    assert wanted <= stored[0].keys()


def test_clip_benchmark_layout(tmp_path):
    place = "{}/full/{}/openmoji/test/{}/{}/recall@{}"
    numbers = [
        number(place.format(experiment, seed, variant, direction, k), k / 10)
        for experiment, variant in (("peft", "clean"), ("robustness", "jpeg-3"), ("search", "flat"))
        for seed in ("s0", "s*")
        for direction in ("text_to_image", "image_to_text")
        for k in (1, 5, 10)
    ]
    records = to_clip_benchmark(numbers, "vit-tiny")
    assert [record["dataset"] for record in records] == ["openmoji", "openmoji-jpeg-3"]
    assert records[0] | {"metrics": None} == {
        "dataset": "openmoji", "model": "vit-tiny", "pretrained": "full-s0", "task": "zeroshot_retrieval",
        "language": "en", "metrics": None,
    }  # fmt: skip
    names = {f"{what}_retrieval_recall@{k}" for what in ("image", "text") for k in (1, 5, 10)}
    assert records[0]["metrics"].keys() == names
    write_clip_benchmark(tmp_path / "c.json", numbers, "vit-tiny")
    assert json.loads((tmp_path / "c.json").read_text()) == records
