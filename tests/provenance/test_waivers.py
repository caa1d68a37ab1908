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


WHOLE = "- rule: x\n  modules: {loop: [a, b]}\n  who: Ada\n  when: '2026-01-02'\n  why: y\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- rule: x\n", "missing 4 required"),
        ("5\n", "not iterable"),
        ("true\n", "not iterable"),
        ("{a: 1}\n", "must be a mapping"),
        ("- 5\n", "must be a mapping"),
        ("- [rule, x]\n", "must be a mapping"),
        ("- {5: x}\n", "keywords must be strings"),
        (
            WHOLE.replace("'2026-01-02'", "2026-01-02"),
            "when is no text but datetime.date(2026, 1, 2): put it in",
        ),
        (WHOLE.replace("Ada", "5"), "who is no text but 5: put it in quotes"),
        (WHOLE.replace("{loop: [a, b]}", "[loop]"), "modules is no mapping but ['loop']"),
        (WHOLE.replace("[a, b]", "7"), "modules.loop is not two digests in quotes but 7"),
        (WHOLE.replace("[a, b]", "[1, b]"), "modules.loop is not two digests in quotes but [1, 'b']"),
        (WHOLE.replace("[a, b]", "[a]"), "modules.loop is not two digests in quotes but ['a']"),
        ("\tx: [", "cannot start any token"),
        ("\x00", "unacceptable character"),
    ],
)
def test_a_broken_record_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text(WHOLE)
    assert read_waivers(path) == [Waiver("x", {"loop": ["a", "b"]}, "Ada", "2026-01-02", "y")]
    path.write_text(text)
    with pytest.raises(UserError, match=r"waivers\.yaml: not a list of waivers .*git checkout") as caught:
        read_waivers(path)
    assert "\n" not in str(caught.value)
    if "\t" not in text and "\x00" not in text:
        assert said in str(caught.value)
