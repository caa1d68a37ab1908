"""The rule of verdicts, whatever the claims are about."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.statistics.claims import Alternatives, Claim
from crossmodal.statistics.hypotheses import judge, rollup, verdict_of, write_hypotheses
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.targets import p_value_id
from judged import judged, number

RETENTION = "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"
ONE_WAY = RETENTION.replace("/mean/", "/text_to_image/")
KEPT = Claim(
    "H1.recall@1", "lora-r8 keeps more than 95 %", RETENTION, ">", 0.95, context=(("text to image", ONE_WAY),)
)
P95 = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p95"
ITEMS = P95.replace("latency_p95", "items")
FAST = Claim("H3.latency", "it answers within 50 ms", P95, "<", 50.0, "ms", scale=(ITEMS, 10_000_000))


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_exactly_one_verdict_and_relations_mirror(low: float, width: float, target: float) -> None:
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
def test_the_verdict_follows_from_the_interval(interval: tuple[float, float], verdict: str) -> None:
    low, high = interval
    context = number(ONE_WAY, 0.9, 0.8, 1.0)
    found = judged([KEPT], [number(RETENTION, 0.95, low, high), context])["H1.recall@1"]
    assert (found.verdict, found.ci_low, found.ci_high) == (verdict, low, high)
    assert found.number_ids == [RETENTION, context.number_id]
    assert found.note == "text to image: 90.0 %" and found.statement == KEPT.statement
    assert (found.target, found.relation, found.unit) == (0.95, ">", "fraction")


def test_what_was_not_measured_is_inconclusive() -> None:
    found = judged([KEPT, FAST])
    assert list(found) == ["H1.recall@1", "H3.latency"]
    assert {h.verdict for h in found.values()} == {"inconclusive"}
    assert all("Not measured" in h.note and not h.number_ids for h in found.values())
    assert found["H1.recall@1"].note == f"Not measured: no number {RETENTION}."
    context = judged([KEPT], [number(ONE_WAY, 0.9, 0.8, 1.0)])["H1.recall@1"]
    assert context.note == f"text to image: 90.0 %. Not measured: no number {RETENTION}."
    assert context.number_ids == [ONE_WAY]


def test_a_number_without_interval_is_inconclusive() -> None:
    for alone in (number(RETENTION, None), number(RETENTION, 0.99)):
        found = judged([KEPT], [alone])["H1.recall@1"]
        assert found.verdict == "inconclusive" and "no finite interval" in found.note
        assert found.measured == alone.value


@pytest.mark.parametrize(
    "items, verdict", [(5_000, "inconclusive"), (10_000_000, "supported"), (None, "inconclusive")]
)
def test_a_claim_counts_at_its_scale_only(items: int | None, verdict: str) -> None:
    numbers = [number(P95, 3.0, 2.0, 4.0, "ms")]
    if items:
        numbers.append(number(ITEMS, items, unit="count"))
    found = judged([FAST], numbers)["H3.latency"]
    assert found.verdict == verdict and found.measured == 3.0
    assert ("items, the claim is about 10,000,000" in found.note) == (verdict == "inconclusive")
    assert found.number_ids == [P95, ITEMS][: 1 + bool(items)]


def test_what_cannot_exist_has_a_number_that_is_judged_instead() -> None:
    claim = replace(KEPT, instead=(ONE_WAY, "One direction only."))
    found = judged([claim], [number(ONE_WAY, 0.97, 0.96, 0.98)])["H1.recall@1"]
    assert (found.verdict, found.measured, found.note) == ("supported", 0.97, "One direction only.")
    assert found.number_ids == [ONE_WAY]
    both = judged([claim], [number(RETENTION, 0.5, 0.4, 0.6), number(ONE_WAY, 0.97, 0.96, 0.98)])
    assert both["H1.recall@1"].measured == 0.5 and both["H1.recall@1"].note == "text to image: 97.0 %"


def test_alternatives_are_told_where_a_claim_fails_badly() -> None:
    other = RETENTION.replace("lora-r8", "adalora")
    asked = Alternatives(0.90, "rank allocation", (("adalora", other), ("gone", f"{other}x")))
    claim = replace(KEPT, alternatives=asked, context=())
    numbers = [number(RETENTION, 0.7, 0.6, 0.8), number(other, 0.72, 0.6, 0.8)]
    found = judged([claim], numbers)["H1.recall@1"]
    assert found.note == "Below 90 % the proposal asks for rank allocation: adalora: 72.0 %."
    assert found.number_ids == [RETENTION, other]
    alone = judged([claim], numbers[:1])["H1.recall@1"]
    assert alone.note == "Below 90 % the proposal asks for rank allocation; this study has neither."
    kept = judged([claim], [number(RETENTION, 0.91, 0.9, 0.92), numbers[1]])["H1.recall@1"]
    assert kept.note == "" and kept.number_ids == [RETENTION]


def test_numbers_are_written_with_their_unit() -> None:
    claim = replace(FAST, scale=None, context=(("size", ITEMS), ("share", RETENTION), ("nothing", ONE_WAY)))
    numbers = [
        number(P95, 3.0, 2.0, 4.0, "ms"), number(ITEMS, 1234.0, unit="count"), number(RETENTION, -0.5),
        number(ONE_WAY, None),
    ]  # fmt: skip
    assert (
        judged([claim], numbers)["H3.latency"].note == "size: 1,234 count; share: −50.0 %; nothing: undefined"
    )


def test_rollup_and_file(tmp_path: Path) -> None:
    place = "robustness/{}/s*/openmoji/test/shifts-mean/mean/degradation_recall@1"
    lost = {cell: place.format(cell) for cell in ("lora-r8-pgd", "full")}
    claims = [
        KEPT,
        Claim("H1.parameters", "fewer", RETENTION.replace("retention", "saved"), ">", 0.98),
        Claim("H2.adversarial", "less", lost["lora-r8-pgd"], "<", 0.05),
        Claim("H2.standard", "more", lost["full"], ">", 0.15),
        FAST,
    ]
    numbers = [
        number(lost["lora-r8-pgd"], 0.03, 0.02, 0.04),
        number(lost["full"], 0.3, 0.2, 0.4),
        number(RETENTION, 0.5, 0.4, 0.6),
        number(p_value_id(RETENTION), 0.001, unit="p"),
    ]
    found = judge(claims, numbers)
    assert rollup(found) == {"H1": "refuted", "H2": "supported", "H3": "inconclusive"}
    assert found[0].number_ids[-1] == p_value_id(RETENTION) and found[0].p_holm == 0.002
    write_hypotheses(tmp_path / "h.json", found)
    stored = json.loads((tmp_path / "h.json").read_text())
    assert [row["id"] for row in stored] == [claim.id for claim in claims]
    wanted = {"id", "statement", "target", "measured", "ci_low", "ci_high", "verdict", "number_ids", "note"}
    assert wanted <= stored[0].keys()


def parts(count: int) -> list[Claim]:
    return [replace(KEPT, id=f"H1.part{i}", number=f"{RETENTION}{i}", context=()) for i in range(count)]


def refuted(claim: Claim, p: float | None = None) -> list[Number]:
    stated = [] if p is None else [number(p_value_id(claim.number), p, unit="p")]
    return [number(claim.number, 0.9, 0.86, 0.94), *stated]


def whole(claims: list[Claim], numbers: list[Number], level: float = 0.95) -> str:
    return rollup(judge(claims, numbers, level))["H1"]


def test_a_hypothesis_of_several_parts_is_refuted_after_correction_only() -> None:
    one, two, three = parts(3)
    supported = [number(claim.number, 0.99, 0.98, 1.0) for claim in (two, three)]
    assert whole([one, two, three], [*refuted(one, 0.008), *supported]) == "refuted"
    assert whole([one, two, three], [*refuted(one, 0.009), *supported]) == "inconclusive"
    assert whole([one], refuted(one, 0.024)) == "refuted", "one part needs no correction"
    assert whole([one, two, three], refuted(one, 0.008)) == "refuted", "whatever is not measured"
    assert whole([one, two, three], [*refuted(one, 0.03), *supported], level=0.8) == "refuted"
    assert whole([two, three], supported) == "supported"
    assert whole([one, two, three], supported) == "inconclusive"


def test_without_a_p_value_the_interval_bounds_it() -> None:
    one, two = parts(2)
    supported = [number(two.number, 0.99, 0.98, 1.0)]
    assert whole([one, two], [*refuted(one), *supported]) == "inconclusive", (
        "at most 0.025 is all that is known"
    )
    assert whole([one], refuted(one)) == "refuted"
    exact = [number(one.number, 0.9, 0.9, 0.9)]
    assert whole([one, two], [*exact, *supported]) == "refuted", "what is counted is certain"


def test_what_is_reported_beside_does_not_count() -> None:
    one, two = parts(2)
    two = replace(two, beside=True)
    numbers = [number(one.number, 0.99, 0.98, 1.0), *refuted(two, 0.001)]
    found = judge([one, two], numbers)
    assert rollup(found) == {"H1": "supported"}
    assert [(h.verdict, h.beside) for h in found] == [("supported", False), ("refuted", True)]
    assert found[0].p_holm == found[0].p_value and found[1].p_holm is None
    assert rollup(judge([two], numbers)) == {"H1": "inconclusive"}


AA = "peft/full/s*/openmoji/test/clean/mean/aa_retention_recall@1"
SMALLEST = AA.replace("aa_retention", "smallest_visible")
GAIN = AA.replace("aa_retention", "gain")


@pytest.mark.parametrize("interval", [(0.6, 0.7), (0.97, 0.99)])
def test_a_claim_within_what_the_reference_differs_from_itself_cannot_be_judged(interval) -> None:
    claim = replace(KEPT, aa=AA, smallest=SMALLEST, context=())
    low, high = interval
    wide, visible = number(AA, 1.001, 0.93, 1.07), number(SMALLEST, 0.1)
    kept = number(RETENTION, (low + high) / 2, low, high)
    found = judged([claim], [kept, wide, visible])["H1.recall@1"]
    assert (found.verdict, found.p_value) == ("inconclusive", 1.0)
    assert found.note == (
        "Cannot be judged: the reference beside itself, with other seeds, gives 100.1 % [93.0, 107.0], wider than "
        "the claim's margin of 5 %; the smallest effect to be seen is 10.0 %."
    )
    assert found.number_ids == [RETENTION, AA, SMALLEST] and (found.aa, found.smallest) == (AA, SMALLEST)
    narrow = judged([claim], [kept, number(AA, 1.001, 0.96, 1.04)])["H1.recall@1"]
    assert narrow.verdict == ("supported" if low > 0.95 else "refuted") and narrow.smallest is None
    assert judged([claim], [kept])["H1.recall@1"].aa is None, "one seed has no A/A row"


def test_one_seed_cannot_decide_what_training_gives() -> None:
    one, three = (replace(number(RETENTION, 0.99, 0.98, 1.0), n_seeds=seeds) for seeds in (1, 3))
    about = replace(KEPT, trained=True, context=())
    found = judged([about], [one])["H1.recall@1"]
    assert found.verdict == "inconclusive" and "one seed" in found.note
    assert judged([about], [three])["H1.recall@1"].verdict == "supported"
    assert judged([replace(about, trained=False)], [one])["H1.recall@1"].verdict == "supported"


@pytest.mark.parametrize("gain", [number(GAIN, 0.01, -0.01, 0.03), number(GAIN, None)])
def test_where_the_reference_gained_nothing_there_is_nothing_to_keep(gain: Number) -> None:
    claim = replace(KEPT, needs=(GAIN, "what full gains over zero-shot"), context=())
    kept = number(RETENTION, 0.99, 0.98, 1.0)
    found = judged([claim], [kept, gain])["H1.recall@1"]
    assert found.verdict == "inconclusive" and found.number_ids == [RETENTION, GAIN]
    told = "1.0 % [−1.0, 3.0]" if gain.value else "undefined, no finite interval"
    assert (
        found.note == f"Cannot be judged: what full gains over zero-shot is not clearly above zero ({told})."
    )
    clear = judged([claim], [kept, number(GAIN, 0.1, 0.05, 0.2)])["H1.recall@1"]
    assert (clear.verdict, clear.note) == ("supported", "")


def test_a_value_below_its_target_is_not_printed_as_equal_to_it() -> None:
    claim = replace(KEPT, target=0.98)
    context = number(ONE_WAY, 0.979998, 0.97, 0.99)
    assert judged([claim], [number(RETENTION, 0.5, 0.4, 0.6), context])["H1.recall@1"].note == (
        "text to image: 97.9998 %"
    )
    equal = number(ONE_WAY, 0.98, 0.97, 0.99)
    assert judged([claim], [equal])["H1.recall@1"].note.startswith("text to image: 98.0 %")
