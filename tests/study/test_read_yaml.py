"""A key that stands twice in params.yaml or in an overlay is refused: YAML takes the last without a word."""

import re
from pathlib import Path

import pytest
import yaml

from crossmodal.errors import UserError
from crossmodal.provenance.dag import list_jobs
from crossmodal.study.configuration import read_yaml


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a"),
        ("x:\n  cells:\n    full: {rank: 1}\n    lora: {}\n    full: {rank: 1}\n", 5, "full"),
        ("a: {b: 1, c: 2,\n  b: 1}\n", 2, "b"),
        ("a:\n  - b: 1\n    'b': 2\n", 3, "b"),
        ("base: &base {b: 1}\na:\n  <<: *base\n  b: 2\n  b: 3\n", 5, "b"),
        ("1: a\n01: b\n", 2, "01"),
        ('{"a": 1,\n"a": 2}', 2, "a"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, text: str, line: int, key: str) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert str(error.value) == f"{path}:{line}: {key!r} stands twice"


def test_a_key_that_overrides_a_merged_one_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(
        "one: &one {a: 1, b: 1}\ntwo: &two {<<: *one, b: 2}\nthree: {<<: *two, a: 3, '1': 4, 1: 5}\n"
        "four: {<<: [*two, {c: 6}]}\n"
    )
    assert read_yaml(path) == yaml.safe_load(path.read_text()) == {
        "one": {"a": 1, "b": 1}, "two": {"a": 1, "b": 2}, "three": {"a": 3, "b": 2, "1": 4, 1: 5},
        "four": {"a": 1, "b": 2, "c": 6},
    }  # fmt: skip


@pytest.mark.parametrize("path", [Path("params.yaml"), *sorted(Path("studies").glob("*.yaml"))], ids=str)
def test_what_is_read_is_what_yaml_says(path: Path) -> None:
    assert read_yaml(path) == yaml.safe_load(path.read_text())


@pytest.mark.usefixtures("in_clone")
def test_a_key_that_stands_twice_in_an_overlay_ends_a_run(tmp_path: Path) -> None:
    """Snakemake reads overlays itself."""
    overlay = tmp_path / "own.yaml"
    text = Path("studies/tiny.yaml").read_text()
    overlay.write_text(f"{text}report: {{}}\nreport: {{}}\n")
    with pytest.raises(UserError) as error:
        list_jobs([overlay])
    assert re.fullmatch(rf"{overlay}:\d+: 'report' stands twice", str(error.value))
