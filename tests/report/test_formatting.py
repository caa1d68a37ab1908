"""Values as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.report.formatting import (
    MINUS,
    SPACE,
    format_deviation,
    format_interval,
    format_seconds,
    format_time,
    format_value,
)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.11849, "fraction", "11.8 %"),
        (-0.00004, "fraction", "0.0 %"),
        (-0.0312, "fraction", f"{MINUS}3.1 %"),
        (0.0312, "ms", "0.031 ms"),
        (3.14159, "ms", "3.14 ms"),
        (20.64, "ms", "20.6 ms"),
        (1234.5, "ms", "1,234 ms"),
        (1310977, "count", "1,310,977"),
        (999, "bytes", "999 B"),
        (999_600, "bytes", "1.00 MB"),
        (510_000, "bytes", "510 kB"),
        (8333.3, "rate", "8,333 /s"),
        (None, "ms", "–"),
        (math.nan, "fraction", "–"),
    ],
)  # fmt: skip
def test_values_are_written_with_sense(value: float | None, kind: str, text: str) -> None:
    assert format_value(value, kind) == text.replace(" ", SPACE)


def test_intervals_are_left_out_where_there_is_none() -> None:
    assert format_interval(0.1061, 0.1302, "fraction") == f"[10.6,{SPACE}13.0]"
    assert format_interval(None, None, "fraction") == ""
    assert format_interval(0.98, 0.98, "fraction") == ""  # exact, nothing was estimated


@given(st.floats(-1, 1))
def test_percent_is_exact_to_half_its_last_digit(value: float) -> None:
    text = format_value(value, "fraction", unit=False).replace(MINUS, "-")
    assert abs(float(text) - 100 * value) <= 0.05 + 1e-9


def test_times() -> None:
    assert format_seconds(9.44) == f"9.4{SPACE}s"
    assert format_seconds(612.4) == f"10{SPACE}min 12{SPACE}s"
    assert format_time("2026-02-03T15:07:21.806+01:00") == "2026-02-03 14:07 UTC"
    assert format_time("not a time") == "not a time"


def test_a_deviation_has_the_decimals_of_its_value() -> None:
    assert format_deviation(0.00908, "3.61", "plain") == "0.01"
    assert format_deviation(0.0488, "3.58", "plain") == "0.05"
    assert format_deviation(0.0131, "12.3", "fraction") == "1.3"
    assert format_deviation(2e-6, "3.2e-05", "plain") == "2e-06"
