"""Values as people read them, in tables, in the terminal and in the README."""

import math
from collections.abc import Callable

import pytest
from crossmodal.report.readme import own_blocks
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.experiments.peft.tables import domains_table
from crossmodal.experiments.robustness.tables import robustness_table
from crossmodal.experiments.search.tables import search_table
from crossmodal.report.cells import Grid
from crossmodal.report.formatting import (
    MINUS,
    SPACE,
    format_interval,
    format_seconds,
    format_time,
    format_value,
)
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import (
    blocks,
    fill,
    hypotheses_markdown,
    hypothesis_table,
    results_table,
    table_markdown,
)
from crossmodal.report.page import ReportInputs
from crossmodal.report.verdicts import read_hypotheses


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


def test_an_aggregate_goes_before_single_seeds(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    where = {"cell": "full", "dataset": "openmoji", "direction": "text_to_image"}
    found = numbers.find("peft", "recall@1", **where)
    assert found is not None and found.seed == "*"
    single = Numbers(inputs.numbers[inputs.numbers["seed"] == "0"]).find("peft", "recall@1", **where)
    assert single is not None and single.seed == "0"


def test_tables_hold_what_the_numbers_say(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    grid = Grid.of("openmoji", inputs.cells)
    domains = domains_table(numbers, grid)
    assert domains.groups == [("twemoji", 2), ("fluent", 2)]
    summary = robustness_table(numbers, grid, "text_to_image", "summary")
    assert summary.columns == ["mean of all shifts", "worst shift"]
    others = robustness_table(numbers, grid, "text_to_image", "datasets")
    assert {"monotone", "high-contrast"} <= set(others.columns)
    search = search_table(numbers)
    assert [row.name for row in search.rows] == ["flat", "ivf-pq", "ivf-pq+rerank"]
    for table in (domains, summary, others, search):
        assert all(len(row.figures) == len(table.columns) for row in table.rows)
        for row in table.rows:
            for shown in row.figures:
                assert shown is None or numbers.get(shown.number.number_id) is shown.number


def test_hypotheses_take_their_unit_from_the_row_the_target_or_the_numbers(inputs: ReportInputs) -> None:
    base = {"id": "H", "statement": "S", "verdict": "supported", "measured": 0.5, "number_ids": []}
    ms = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p99"

    def read(**changes: object) -> tuple[str, str]:
        row = read_hypotheses([{**base, **changes}], Numbers(inputs.numbers))[0]
        return row.target.replace(SPACE, " "), row.measured.replace(SPACE, " ")

    assert read(target=0.95, relation=">", unit="fraction") == ("> 95 %", "50.0 %")
    assert read(target=50.0, relation="<", unit="ms") == ("< 50 ms", "0.50 ms")
    assert read(target="< 2 %") == ("< 2 %", "50.0 %")
    assert read(target=50, relation="<", number_ids=[ms]) == ("< 50 ms", "0.50 ms")
    assert read(target=0.95, relation=">", unit="fraction", measured=None) == ("> 95 %", "–")


def test_the_values_in_a_note_are_those_of_its_numbers(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    clean = "peft/lora-r8/s*/openmoji/test/clean"
    gain, share, latency = (
        "peft/bitfit/s*/openmoji/test/clean/mean/normalised_gain_recall@1",
        "peft/lora-r8/s*/-/-/-/-/parameters_share",
        "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/latency_p99",
    )
    ids = [f"{clean}/mean/retention_recall@1", share, gain, latency, "not/a/number"]
    note = "R@1 of 5.6 % of 10,000,000. share: 5.6 %; gain: undefined; p99: 20.64 ms; other: 7 %"
    row = {"id": "H", "statement": "S", "verdict": "supported", "number_ids": ids, "note": note}
    (read,) = read_hypotheses([row], numbers)
    assert "".join(text for text, _ in read.note_parts) == note
    stated = [part for part in read.note_parts if part[1]]
    assert stated == [("5.6 %", share), ("undefined", gain), ("20.64", latency)]
    assert read.number_id == ids[0]


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_the_terminal_table_keeps_its_width_and_all_its_words(inputs: ReportInputs, width: int) -> None:
    text = hypothesis_table(inputs.hypotheses, Numbers(inputs.numbers), width=width)
    for row in inputs.hypotheses:
        assert row["id"] in text and row["verdict"] in text
        assert all(word in text for word in row["statement"].split())
    assert all(len(line) <= max(width, 80) for line in text.splitlines())
    assert "94.6 % [88.6, 100.6]" in text.replace(SPACE, " ")


def test_markdown_names_the_numbers_it_states(inputs: ReportInputs) -> None:
    numbers = Numbers(inputs.numbers)
    cells = ["zero-shot", "bitfit", "lora-r8", "lora-r8-pgd", "full"]
    text = results_table(numbers, Grid.of("openmoji", cells))
    lines = text.splitlines()
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["zero-shot", "bitfit"]
    ids = lines[-1].removeprefix("<!-- numbers: ").removesuffix(" -->").split()
    assert len(ids) == 5 * 8 and all(numbers.get(id) for id in ids)
    assert "**refuted**" in hypotheses_markdown(inputs.hypotheses, numbers)
    assert "ivf-pq+rerank" in table_markdown(search_table(numbers))


def test_filling_twice_changes_nothing() -> None:
    text = "a\n<!-- table:one -->\nold\n<!-- /table -->\nb\n<!-- table:two --><!-- /table -->\n"
    tables = {"one": "| 1 |\n", "two": r"\1 \g<name> stays"}
    once = fill(text, tables)
    assert "old" not in once and r"\1 \g<name> stays" in once and once.startswith("a\n") and "\nb\n" in once
    assert fill(once, tables) == once


def test_a_block_and_its_table_need_each_other() -> None:
    with pytest.raises(UserError, match="no table is called 'one'"):
        fill("<!-- table:one --><!-- /table -->", {})
    with pytest.raises(UserError, match="no block <!-- table:two -->"):
        fill("nothing", {"two": "x"})


def test_each_study_has_its_own_blocks() -> None:
    text = (
        "<!-- table:results -->old <!-- numbers: a b --><!-- /table -->\n"
        "<!-- table:emoji-full/results -->other <!-- numbers: b c --><!-- /table -->\n"
    )
    own, whole = own_blocks(text), own_blocks(text, "emoji-full")
    assert list(own) == ["results"] and list(whole) == ["emoji-full/results"]
    filled = fill(text, {"results": "new"}, others=whole)
    assert "old" not in filled and blocks(filled)["emoji-full/results"] == whole["emoji-full/results"]
    filled = fill(text, {"emoji-full/results": "new"}, others=own)
    assert "other" not in filled and blocks(filled)["results"] == own["results"]


def test_more_cells_and_shifts_are_only_more_rows(make_inputs: Callable[..., ReportInputs]) -> None:
    cells, shifts = [f"lora-r{i}" for i in range(15)], [f"shift-{i}" for i in range(20)]
    numbers = Numbers(make_inputs(cells=cells, shifts=shifts).numbers)
    grid = Grid.of("openmoji", cells)
    parts = {
        part: robustness_table(numbers, grid, "mean", part)
        for part in ("summary", "images", "texts", "datasets")
    }
    assert {part: len(table.columns) for part, table in parts.items()} == {
        "summary": 2, "images": 20, "texts": 0, "datasets": 3,
    }  # fmt: skip
    assert [len(table.rows) for table in parts.values()] == [15, 15, 0, 15]
