"""What is shown of probes: a table with models beside them, that states the numbers that it names."""

from pathlib import Path

from crossmodal.experiments.probes.tables import probes_table
from crossmodal.report.cells import Grid
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import table_markdown
from crossmodal.report.section import read_section
from drawn_sections import cell_values, draw, drawing_values
from made_up_numbers import CELLS, metric_rows

FRAME = metric_rows()
FACTS = cell_values(CELLS)
FACTS["zero-shot"]["method"] = "zero_shot"
FACTS["full"]["method"] = "full"
FACTS["lora-r8-pgd"] |= {"method": "full", "adversarial": True}
FACTS["bitfit"] |= {"method": "full", "dataset": "fluent"}
GRID = Grid.of("openmoji", FACTS)


def test_models_of_the_target_stand_beside_the_probes() -> None:
    table = probes_table(Numbers(FRAME), GRID, FACTS)
    assert [(row.group, row.name) for row in table.rows] == [
        ("without a model", "lookup"), ("without a model", "colours"), ("without a model", "bitfit"),
        ("models", "zero-shot"), ("models", "full"),
    ]  # fmt: skip
    assert table.groups == [("text → image", 3), ("image → text", 3), ("hands, R@1 %", 2)]
    lookup, full = table.rows[0], table.rows[-1]
    assert lookup.figures[0].text == "14.0" and lookup.note and lookup.figures[2] is None
    assert full.figures[2].number.number_id == "peft/full/s*/openmoji/test/clean/text_to_image/recall@10"
    assert full.figures[-1] is None
    assert "| *without a model* |" in table_markdown(table)


def test_without_cells_the_probes_stand_alone_and_without_probes_nothing_does() -> None:
    alone = probes_table(Numbers(FRAME), GRID, cell_values(CELLS))
    assert {row.group for row in alone.rows} == {"without a model"}
    nothing = FRAME[FRAME["experiment"] != "probes"]
    assert not probes_table(Numbers(nothing), GRID, FACTS)


def test_the_section_says_what_a_look_up_means(tmp_path: Path) -> None:
    html = str(read_section(draw("probes", FRAME, drawing_values("probes", FACTS), tmp_path))[0])
    assert "a model has not had to understand" in html and html.count("<table") == 1
    assert "Recall on openmoji without a model, and with one" in html
