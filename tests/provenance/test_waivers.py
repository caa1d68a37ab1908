"""Waivers: on record, exact, only for code."""

from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.provenance.differences import Difference
from crossmodal.provenance.waivers import Waiver, add_waivers, covering, read_waivers


def waiver(rule: str = "adapt_model", **modules: tuple[str | None, str | None]) -> Waiver:
    return Waiver(
        rule, {k: list(v) for k, v in modules.items()}, "Ada <a@b.c>", "2026-01-02T00:00:00", "why: <b>"
    )


def edit(module: str, old: str | None, new: str | None) -> Difference:
    return Difference("code", module, old, new)


def test_a_waiver_covers_its_edit_and_no_other() -> None:
    record = [waiver(loop=("a", "b"))]
    assert covering("adapt_model", [edit("loop", "a", "b")], record) == record
    assert covering("adapt_model", [edit("loop", "a", "c")], record) == []
    assert covering("adapt_model", [edit("loop", "b", "a")], record) == []
    assert covering("adapt_model", [edit("step", "a", "b")], record) == []
    assert covering("pretrain_base", [edit("loop", "a", "b")], record) == []
    assert covering("adapt_model", [], record) == []


def test_every_difference_must_be_covered_and_only_code_can_be() -> None:
    record = [waiver(loop=("a", "b")), waiver(step=(None, "x"))]
    both = [edit("loop", "a", "b"), edit("step", None, "x")]
    assert covering("adapt_model", both, record) == record
    assert covering("adapt_model", [*both, edit("clip", "a", "b")], record) == []
    assert covering("adapt_model", [*both, Difference("params", "rank", 8, 4)], record) == []


def test_edits_in_a_row_add_up() -> None:
    record = [waiver(loop=("a", "b")), waiver(loop=("b", "c")), waiver(loop=("x", "c"))]
    assert covering("adapt_model", [edit("loop", "a", "c")], record) == record[:2]
    assert covering("adapt_model", [edit("loop", "b", "c")], record) == record[1:2]


def test_the_record_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    assert read_waivers(path) == []
    first, second = waiver(loop=("a", "b")), waiver("embed_clean", clip=(None, "ü"))
    add_waivers([first], path)
    add_waivers([second], path)
    assert read_waivers(path) == [first, second]
    assert path.read_text().startswith("# Code edits declared harmless")


def test_a_broken_record_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text("- rule: x\n")
    with pytest.raises(UserError, match=r"waivers\.yaml: not a list of waivers .*git checkout"):
        read_waivers(path)
