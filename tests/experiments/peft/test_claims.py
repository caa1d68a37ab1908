"""The claims of H1: what they say, about which cells, and what stands beside a verdict."""

import pytest

from crossmodal.experiments.peft.claims import claims
from crossmodal.experiments.peft.params import Params, Roles
from crossmodal.statistics.hypotheses import Hypothesis
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.records import CellFacts
from judged import judged, number

ROLES = Params(cell="lora-r8", reference="full", baseline="zero-shot")
IDS = ["H1.recall@1", "H1.recall@5", "H1.parameters", "H1.latency"]
RETENTION = "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1"


GAINS = [
    number(f"peft/{name}/s*/{dataset}/test/clean/mean/gain_recall@{k}", 0.05, 0.04, 0.06)
    for name, dataset in (("full", "openmoji"), ("full-fluent", "fluent"))
    for k in (1, 5)
]
"""What is retained was gained: without it no claim can be judged."""


def found(numbers: list[Number], roles: Params = ROLES, cells=None) -> dict[str, Hypothesis]:
    return judged(claims(roles, "openmoji", cells or {}), numbers)


@pytest.mark.parametrize(
    "interval, verdict",
    [((0.96, 0.99), "supported"), ((0.9, 0.95), "refuted"), ((0.94, 0.96), "inconclusive")],
)
def test_retention(interval: tuple[float, float], verdict: str) -> None:
    low, high = interval
    context = number(RETENTION.replace("/mean/", "/text_to_image/"), 0.9, 0.8, 1.0)
    hypothesis = found([number(RETENTION, 0.95, low, high), context, *GAINS])["H1.recall@1"]
    assert (hypothesis.verdict, hypothesis.ci_low, hypothesis.ci_high) == (verdict, low, high)
    assert hypothesis.number_ids == [RETENTION, context.number_id, GAINS[0].number_id]
    assert "text to image: 90.0 %" in hypothesis.note and "lora-r8" in hypothesis.statement


def test_what_is_claimed() -> None:
    hypotheses = found([])
    assert list(hypotheses) == IDS
    assert {h.verdict for h in hypotheses.values()} == {"inconclusive"}
    assert all("Not measured" in h.note and not h.number_ids for h in hypotheses.values())
    assert [(h.statement, h.relation, h.target) for h in hypotheses.values()] == [
        ("lora-r8 keeps more than 95 % of the recall@1 of full on openmoji", ">", 0.95),
        ("lora-r8 keeps more than 95 % of the recall@5 of full on openmoji", ">", 0.95),
        ("lora-r8 trains 98 % fewer parameters than full", ">", 0.98),
        ("lora-r8, merged, encodes an image and a caption in 40 % less time than full", ">", 0.40),
    ]


def test_what_is_kept_is_judged_against_the_reference_itself() -> None:
    """Another seed's reference does not stand in the way where it is not known, what it gained does."""
    place = "peft/full/s*/openmoji/test/clean/mean/{}_recall@1"
    kept = number(RETENTION, 0.99, 0.98, 1.0)
    gain, aa = (
        number(place.format("gain"), 0.0, -0.1, 0.1),
        number(place.format("aa_retention"), 1.0, 0.9, 1.1),
    )
    smallest = number(place.format("smallest_visible"), 0.15)
    assert found([kept, *GAINS])["H1.recall@1"].verdict == "supported"
    nothing = found([kept, gain])["H1.recall@1"]
    assert (
        nothing.verdict == "inconclusive" and "what full gains over zero-shot is not clearly" in nothing.note
    )
    wide = found([kept, aa, smallest, *GAINS])["H1.recall@1"]
    assert wide.verdict == "inconclusive" and (wide.aa, wide.smallest) == (aa.number_id, smallest.number_id)
    without = found([kept], ROLES.model_copy(update={"baseline": None}))["H1.recall@1"]
    assert without.verdict == "inconclusive"
    assert without.note == "Cannot be judged: what full gains over a baseline is not measured."


@pytest.mark.parametrize("roles", [Params(), Params(cell="lora-r8"), Params(reference="full")])
def test_without_two_cells_there_is_nothing_to_claim(roles: Params) -> None:
    assert found([number(RETENTION, 1.0, 1.0, 1.0)], roles) == {}


def test_the_share_of_the_gain_is_told() -> None:
    gain = number(RETENTION.replace("retention", "normalised_gain"), 0.5, 0.4, 0.6)
    numbers = [number(RETENTION, 0.97, 0.96, 0.98), gain]
    with_zero = found([*numbers, *GAINS])["H1.recall@1"]
    assert with_zero.note == "share of the gain over zero-shot: 50.0 %"
    assert with_zero.number_ids == [RETENTION, gain.number_id, GAINS[0].number_id]


def test_a_comparison_elsewhere_is_reported_beside() -> None:
    second = Roles(cell="lora-r8-fluent", reference="full-fluent")
    roles = ROLES.model_copy(update={"elsewhere": {"second": second}})
    cells = {
        name: CellFacts(dataset="fluent", method=method)
        for name, method in (("full-fluent", "full"), ("lora-r8-fluent", "lora"))
    }
    place = "peft/lora-r8-fluent/s*/fluent/test/clean/mean/retention_recall@5"
    hypotheses = found([number(place, 0.97, 0.96, 0.98), *GAINS], roles, cells)
    assert list(hypotheses)[:4] == ["H1.recall@1", "H1.recall@5", "H1.recall@1.second", "H1.recall@5.second"]
    hypothesis = hypotheses["H1.recall@5.second"]
    assert hypothesis.verdict == "supported" and hypothesis.number_ids == [place, GAINS[3].number_id]
    assert (
        hypothesis.statement == "lora-r8-fluent keeps more than 95 % of the recall@5 of full-fluent on fluent"
        " (reported beside)"
    )
    assert hypothesis.beside and hypothesis.p_holm is None
    assert hypotheses["H1.recall@1.second"].verdict == "inconclusive"
    alone = found([], Params(elsewhere={"second": second}), cells)
    assert list(alone) == ["H1.recall@1.second", "H1.recall@5.second"], "the first may be unnamed"


def test_below_ninety_per_cent_the_contingencies_stand_beside() -> None:
    cells = {
        "lora-r8": CellFacts(dataset="openmoji", method="lora"),
        "lora-r8-blocks": CellFacts(dataset="openmoji", method="lora_blocks"),
        "adalora": CellFacts(dataset="openmoji", method="adalora"),
        "adalora-fluent": CellFacts(dataset="fluent", method="adalora"),
        "adalora-pgd": CellFacts(dataset="openmoji", method="adalora", adversarial=True),
    }
    names = {cell: RETENTION.replace("lora-r8", cell) for cell in cells}
    numbers = [number(name, 0.7 + 0.01 * i, 0.6, 0.8) for i, name in enumerate(names.values())]
    cells["full"] = CellFacts(dataset="openmoji", method="full")
    low = found(numbers, cells=cells)["H1.recall@1"]
    assert low.number_ids == [names[cell] for cell in ("lora-r8", "lora-r8-blocks", "adalora")]
    assert "lora-r8-blocks: 71.0 %; adalora: 72.0 %." in low.note and "Below 90 %" in low.note
    alone = found(numbers[:1], cells={name: cells[name] for name in ("lora-r8", "full")})["H1.recall@1"]
    assert "this study has neither" in alone.note
    assert "LoRA with the last blocks unfrozen or rank allocation" in alone.note
    kept = found([number(RETENTION, 0.91, 0.9, 0.92), *numbers[1:]], cells=cells)["H1.recall@1"]
    assert "Below" not in kept.note and kept.number_ids == [RETENTION]


def test_latency_is_judged_merged_where_the_method_can_be_merged() -> None:
    place = "peft/lora-r8/s*/-/-/{}/-/saved_latency_pair"
    both = [number(place.format(form), v, v, v) for form, v in (("merged", 0.0), ("unmerged", -0.3))]
    merged = found(both)["H1.latency"]
    assert merged.number_ids == [place.format("merged"), place.format("unmerged")]
    unmerged = found(both[1:])["H1.latency"]
    assert unmerged.number_ids == [place.format("unmerged")] and unmerged.measured == -0.3
    assert unmerged.note == "Measured unmerged: its method cannot be folded."


def test_what_a_network_saves_beside_itself_is_told() -> None:
    again = "peft/full/s*/-/-/again/-/saved_latency_pair"
    saved = number("peft/lora-r8/s*/-/-/merged/-/saved_latency_pair", 0.02, 0.01, 0.03)
    quiet = found([saved, number(again, 0.001, -0.004, 0.006)])["H1.latency"]
    assert quiet.note == "full timed twice in each process: 0.1 % [−0.4, 0.6]."
    assert quiet.number_ids == [saved.number_id, again]
    loud = found([saved, number(again, -0.019, -0.033, -0.005)])["H1.latency"]
    assert loud.note == (
        "full timed twice in each process: −1.9 % [−3.3, −0.5]. That interval excludes 0: no such difference"
        " can be trusted to better than 3.3 %."
    )
    assert loud.verdict == quiet.verdict == "refuted"


def test_parameters_are_told_as_they_are_let_train_too() -> None:
    place = "peft/lora-r8/s*/-/-/-/-/"
    numbers = [
        number(f"{place}saved_parameters", 0.99, 0.99, 0.99),
        number(f"{place}saved_parameters_nominal", 0.994, 0.994, 0.994),
        number(f"{place}token_embeddings_share", 0.8),
    ]
    hypothesis = found(numbers)["H1.parameters"]
    assert hypothesis.verdict == "supported" and hypothesis.number_ids == [n.number_id for n in numbers]
    assert hypothesis.note == (
        "nominal, parameters that never get a gradient included: 99.4 %;"
        " token embeddings' share of the model: 80.0 %"
    )
