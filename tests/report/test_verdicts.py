"""Hypotheses as people read them."""

import pytest

from crossmodal.errors import UserError
from crossmodal.report.formatting import SPACE
from crossmodal.report.lookup import Numbers
from crossmodal.report.verdicts import count_verdicts, read_hypotheses
from made_up_numbers import hypothesis_rows, metric_rows

NUMBERS = Numbers(metric_rows())


def test_hypotheses_take_their_unit_from_the_row_the_target_or_the_numbers() -> None:
    base = {"id": "H", "statement": "S", "verdict": "supported", "measured": 0.5, "number_ids": []}
    ms = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p99"

    def read(**changes: object) -> tuple[str, str]:
        row = read_hypotheses([{**base, **changes}], NUMBERS)[0]
        return row.target.replace(SPACE, " "), row.measured.replace(SPACE, " ")

    assert read(target=0.95, relation=">", unit="fraction") == ("> 95 %", "50.0 %")
    assert read(target=50.0, relation="<", unit="ms") == ("< 50 ms", "0.50 ms")
    assert read(target="< 2 %") == ("< 2 %", "50.0 %")
    assert read(target=50, relation="<", number_ids=[ms]) == ("< 50 ms", "0.50 ms")
    assert read(target=0.95, relation=">", unit="fraction", measured=None) == ("> 95 %", "–")


def test_the_values_in_a_note_are_those_of_its_numbers() -> None:
    clean = "peft/lora-r8/s*/openmoji/test/clean"
    gain, share, latency = (
        "peft/bitfit/s*/openmoji/test/clean/mean/normalised_gain_recall@1",
        "peft/lora-r8/s*/-/-/-/-/parameters_share",
        "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p99",
    )
    ids = [f"{clean}/mean/retention_recall@1", share, gain, latency, "not/a/number"]
    note = "R@1 of 5.6 % of 10,000,000. share: 5.6 %; gain: undefined; p99: 20.64 ms; other: 7 %"
    row = {"id": "H", "statement": "S", "verdict": "supported", "number_ids": ids, "note": note}
    (read,) = read_hypotheses([row], NUMBERS)
    assert "".join(text for text, _ in read.note_parts) == note
    stated = [part for part in read.note_parts if part[1]]
    assert stated == [("5.6 %", share), ("undefined", gain), ("20.64", latency)]
    assert read.number_id == ids[0]


def test_verdicts_are_counted_with_zeros_and_unknown_ones_refused() -> None:
    rows = hypothesis_rows()
    assert count_verdicts(read_hypotheses(rows)) == {"supported": 1, "refuted": 2, "inconclusive": 1}
    assert count_verdicts([]) == {"supported": 0, "refuted": 0, "inconclusive": 0}
    with pytest.raises(UserError, match=r"H1.recall@1: verdict 'maybe' is none of supported, refuted"):
        read_hypotheses([{**rows[0], "verdict": "maybe"}])


def test_a_measurement_below_its_target_is_not_printed_as_equal_to_it() -> None:
    row = {"id": "H", "statement": "S", "verdict": "refuted", "number_ids": [], "unit": "fraction"}

    def measured(value: float, target: float, unit: str = "fraction") -> str:
        told = row | {"measured": value, "target": target, "relation": ">", "unit": unit}
        return read_hypotheses([told])[0].measured.replace(SPACE, " ")

    assert measured(0.9799977, 0.98) == "97.9998 %" and measured(0.98, 0.98) == "98.0 %"
    assert measured(0.98004, 0.98) == "98.004 %" and measured(0.97, 0.98) == "97.0 %"
    assert measured(49.99, 50.0, "ms") == "49.99 ms" and measured(-0.0499, -0.05) == "−4.99 %"
