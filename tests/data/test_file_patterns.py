"""Files by name, by braces, by wildcards."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.data.file_patterns import braces, expand, named, of_split
from crossmodal.errors import UserError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{00..03}.tar", ["00.tar", "01.tar", "02.tar", "03.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{008..11}", ["008", "009", "010", "011"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{a,b}-{0..1}", ["a-0", "a-1", "b-0", "b-1"]),
        ("{a,{b,c}d}", ["a", "bd", "cd"]),
        ("{}{x}{..}", ["{}{x}{..}"]),
        ("{x}{1..2}", ["{x}1", "{x}2"]),
        ("{a,}", ["a", ""]),
    ],
)
def test_braces_are_a_shells(pattern: str, names: list[str]) -> None:
    assert braces(pattern) == names


@pytest.mark.parametrize("pattern", ["{0..999999999999}", "{0..999}" * 3])
def test_too_many_names_are_one_line(pattern: str) -> None:
    with pytest.raises(UserError, match="names more than 100000 files"):
        braces(pattern)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 6))
def test_ranges_count_from_end_to_end(first: int, last: int, width: int) -> None:
    found = braces(f"x{{{first:0{width}}..{last:0{width}}}}")
    step = 1 if first <= last else -1
    assert [int(name[1:]) for name in found] == list(range(first, last + step, step))


def test_names_are_taken_literally_where_a_file_has_them(tmp_path: Path) -> None:
    for name in ("a[1].tar", "a1.tar", "{b,c}.tar"):
        (tmp_path / name).touch()
    assert expand([str(tmp_path / "a[1].tar")]) == [str(tmp_path / "a[1].tar")]
    assert expand([str(tmp_path / "a[0-9].tar")]) == [str(tmp_path / "a1.tar")]
    assert expand([str(tmp_path / "{b,c}.tar")]) == [str(tmp_path / "{b,c}.tar")]
    assert expand([str(tmp_path / "*.tar"), str(tmp_path / "a1.tar")]) == sorted(map(str, tmp_path.iterdir()))
    assert expand([str(tmp_path / "none-*"), "none"]) == ["none"]


def test_files_are_named_by_split_and_found_again(tmp_path: Path) -> None:
    paths = {"train": ["a", "b"], "test": ["c"]}
    sources = {name: Path(path) for name, path in named("tables", paths).items()}
    assert list(sources) == ["tables.train.000000", "tables.train.000001", "tables.test.000000"]
    found = [("train", Path("a")), ("train", Path("b")), ("test", Path("c"))]
    assert of_split("tables", {**sources, "classes_file": Path("d")}) == found
    assert of_split("tables", {"tables.000000": Path("a")}) == [(None, Path("a"))]
    with pytest.raises(UserError, match=r"^tables: no file matches"):
        of_split("tables", {"classes_file": Path("d")})
