"""The table of numbers: ids, validation, round trip, selection."""

import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.statistics.numbers import SCHEMA, Number, read_numbers, select, validate, write_numbers

GOOD = Number(
    "peft", "lora-r8", "0", "openmoji", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3, 100,
    "fraction", "a.parquet",
)  # fmt: skip


def test_round_trip_in_order(tmp_path):
    rows = [
        GOOD,
        replace(GOOD, seed="*", metric="recall@1_std", value=None, ci_low=None, ci_high=None),
        replace(
            GOOD, dataset="-", split="-", variant="-", direction="-", metric="parameters", n_queries=None
        ),
    ]
    write_numbers(tmp_path / "m.parquet", rows, {"resamples": "10"})
    assert read_numbers(tmp_path / "m.parquet") == rows
    stored = pq.read_table(tmp_path / "m.parquet")
    assert stored.schema.equals(SCHEMA)
    assert stored["number_id"][0].as_py() == "peft/lora-r8/s0/openmoji/test/clean/text_to_image/recall@1"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"cell": "a/b"}, "not a valid id"),
        ({"metric": ""}, "not a valid id"),
        ({"seed": "one"}, "not a valid id"),
        ({"direction": "sideways"}, "direction"),
        ({"value": float("nan")}, "finite"),
        ({"ci_low": None}, "two ends"),
        ({"ci_low": 0.4}, "upside down"),
    ],
)
def test_malformed_numbers_are_one_line(change, message):
    with pytest.raises(UserError, match=message):
        validate([replace(GOOD, **change)])


def test_ids_are_unique_and_fit_their_row(tmp_path):
    with pytest.raises(UserError, match="twice"):
        write_numbers(tmp_path / "m.parquet", [GOOD, replace(GOOD, value=0.5, ci_low=None, ci_high=None)])
    write_numbers(tmp_path / "m.parquet", [GOOD])
    table = pq.read_table(tmp_path / "m.parquet")
    forged = table.set_column(2, "cell", [["full"]])
    pq.write_table(forged, tmp_path / "m.parquet")
    with pytest.raises(UserError, match="does not fit"):
        read_numbers(tmp_path / "m.parquet")


def test_a_file_with_a_wrong_number_is_named(tmp_path):
    path = tmp_path / "m.parquet"
    write_numbers(path, [GOOD])
    table = pq.read_table(path)
    column = table.column_names.index("ci_low")
    pq.write_table(table.set_column(column, "ci_low", [[9.0]]), path)
    with pytest.raises(
        UserError, match=rf"^{re.escape(str(path))}: number {re.escape(GOOD.number_id)}: .*upside"
    ):
        read_numbers(path)


def test_select_by_glob():
    rows = [GOOD, replace(GOOD, cell="full"), replace(GOOD, metric="map")]
    assert select(rows, "peft/lora-r8/*") == [rows[0], rows[2]]
    assert select(rows, "*/recall@1") == rows[:2]
    assert select(rows, "peft") == []


@given(st.text(max_size=5))
def test_any_text_is_accepted_or_refused_with_a_user_error(text):
    number = replace(GOOD, cell=text)
    try:
        validate([number])
    except UserError:
        return
    assert number.number_id.count("/") == 7 and "\n" not in number.number_id
