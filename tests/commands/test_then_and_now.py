"""The table of what was wrong: typed is what was said then, looked up is what is measured now."""

from pathlib import Path

import pandas as pd
import pytest

from crossmodal.commands import then_and_now as module
from crossmodal.commands.then_and_now import then_and_now
from crossmodal.errors import UserError
from crossmodal.report.lookup import Numbers
from crossmodal.statistics.numbers import Number

NUMBERS = [
    Number("peft", "full", "*", "x", "test", "clean", "mean", "recall@1", 0.25, 0.2, 0.3, 100, n_seeds=3),
    Number("peft", "full", "*", "x", "test", "clean", "mean", "recall@5", 0.5, 0.4, 0.6, 100, n_seeds=3),
]


@pytest.fixture
def numbers() -> Numbers:
    fields = Number.__dataclass_fields__
    rows = [{name: getattr(n, name) for name in fields} | {"number_id": n.number_id} for n in NUMBERS]
    return Numbers(pd.DataFrame(rows))


def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "then-and-now.yaml"
    path.write_text(text)
    monkeypatch.setattr(module, "ROWS", path)


def test_numbers_are_looked_up(numbers: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (n.number_id for n in NUMBERS)
    rows(
        tmp_path, monkeypatch,
        f"mine:\n  - what: recall\n    then: 7 %\n    now: {first}\n"
        f"  - what: both\n    then: 1 | 2\n    now: [{first}, {second}]\n    new: seeds\nother: []\n",
    )  # fmt: skip
    text, ids = then_and_now("mine", numbers)
    assert ids == [first, first, second]
    lines = text.replace("\u00a0", " ").splitlines()
    assert lines[2].startswith("| recall | 7 % | 25.0") and "[20.0, 30.0]" in lines[2]
    assert "1 \\| 2" in lines[3] and "50.0" in lines[3] and lines[3].endswith("| seeds |")
    assert then_and_now("other", numbers)[1] == then_and_now("absent", numbers)[1] == []


def test_what_is_wrong_in_a_row_is_told(
    numbers: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(tmp_path, monkeypatch, "mine:\n  - {what: a, then: b, now: peft/none}\n")
    with pytest.raises(UserError, match=r"then-and-now\.yaml: mine: no published number is called peft/none"):
        then_and_now("mine", numbers)
    rows(tmp_path, monkeypatch, "mine:\n  - {what: a, then: b}\n")
    with pytest.raises(UserError, match="a row has no 'now'; it has what, then"):
        then_and_now("mine", numbers)
