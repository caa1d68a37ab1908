"""Tables in the terminal and in Markdown."""

import pytest

from crossmodal.errors import UserError
from crossmodal.report.accuracy import accuracy_table
from crossmodal.report.cells import Grid
from crossmodal.report.formatting import SPACE
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import (
    blocks,
    fill,
    hypotheses_markdown,
    hypothesis_table,
    outside,
    stray_marker,
    table_markdown,
    tables_markdown,
)
from crossmodal.report.tables import Row, Table
from made_up_numbers import hypothesis_rows, metric_rows

NUMBERS, HYPOTHESES = Numbers(metric_rows()), hypothesis_rows()


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_the_terminal_table_keeps_its_width_and_all_its_words(width: int) -> None:
    text = hypothesis_table(HYPOTHESES, NUMBERS, width=width)
    for row in HYPOTHESES:
        assert row["id"] in text and row["verdict"] in text
        assert all(word in text for word in row["statement"].split())
    assert all(len(line) <= max(width, 80) for line in text.splitlines())
    assert "94.6 % [88.6, 100.6]" in text.replace(SPACE, " ")


def test_a_table_is_written_row_by_row_without_the_ids_of_its_numbers() -> None:
    cells = ["zero-shot", "bitfit", "lora-r8", "lora-r8-pgd", "full"]
    table = accuracy_table(NUMBERS, Grid("openmoji", [("", cells)]))
    text = table_markdown(table)
    lines = text.splitlines()
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 2 + 5
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["zero-shot", "bitfit"]
    ids = table.number_ids()
    assert len(ids) == 5 * 8 and all(NUMBERS.get(id) for id in ids)
    assert not any(id in text for id in ids)
    first = NUMBERS.get(ids[0])
    assert first is not None and f"{100 * first.value:.1f} [{100 * first.ci_low:.1f}," in text
    assert "**refuted**" in hypotheses_markdown(HYPOTHESES, NUMBERS)


def test_groups_of_rows_begin_with_their_title() -> None:
    grid = Grid("openmoji", [("few | parameters", ["zero-shot"]), ("all", ["full"])])
    lines = table_markdown(accuracy_table(NUMBERS, grid)).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| *few \\| parameters*", "| zero-shot", "| *all*", "| full",
    ]  # fmt: skip
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_tables_stand_under_their_titles_and_empty_ones_are_left_out() -> None:
    full = accuracy_table(NUMBERS, Grid("openmoji", [("", ["full"])]))
    empty = Table("empty", "cell", [], ["a"], [Row("b", [None])])
    text = tables_markdown([("first part", full), ("second part", empty)])
    assert text.startswith("First part:\n\n| cell |") and "econd part" not in text
    assert tables_markdown([("", full)]) == table_markdown(full)
    assert tables_markdown([("", empty), ("x", empty)]) == "Not measured in this study.\n"


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
    text = "<!-- table:results -->old<!-- /table -->\n<!-- table:emoji-full/results -->other<!-- /table -->\n"
    assert blocks(text) == {"results": "old", "emoji-full/results": "other"}
    filled = fill(text, {"results": "new"}, others=["emoji-full/results"])
    assert "old" not in filled and blocks(filled)["emoji-full/results"] == "other"
    filled = fill(text, {"emoji-full/results": "new"}, others=["results"])
    assert "other" not in filled and blocks(filled)["results"] == "old"


BLOCK = "<!-- table:one -->\n| 1 |\n<!-- /table -->\n"


def test_what_stands_outside_of_blocks_keeps_its_lines() -> None:
    assert outside(f"a\n{BLOCK}b\n") == "a\n\n\n\nb\n"


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        (f"a\n{BLOCK}{BLOCK}", None),
        ("a <!-- of tables --> b", None),
        (BLOCK.replace("one", "one."), (1, "<!-- table:one. -->")),
        (BLOCK.replace("<!-- table:", "<!--table:"), (1, "<!--table:one -->")),
        (BLOCK.replace("table:", "Table:"), (1, "<!-- Table:one -->")),
        (f"a\n{BLOCK}<!-- /table -->", (5, "<!-- /table -->")),
        (f"<!-- table:two -->\n{BLOCK}", (2, "<!-- table:one -->")),
        (BLOCK.replace("<!-- /table", "<!-- /tables"), (1, "<!-- table:one -->")),
        (BLOCK + "<!-- table:two\n-->", (4, "<!-- table:two")),
    ],
)
def test_a_marker_that_is_part_of_no_block_is_found(text: str, stray: tuple[int, str] | None) -> None:
    assert stray_marker(text) == stray
