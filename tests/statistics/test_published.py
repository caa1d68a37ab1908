"""The table of published numbers: compact, read back as it was written, the same bytes for the same numbers."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.published import (
    DIGITS,
    SCHEMA,
    SUMS,
    as_published,
    published_path,
    read_published,
    write_published,
)

ROOT = Path(__file__).parents[2]
ONE = Number(
    "peft", "lora-r8", "0", "openmoji", "test", "clean", "text_to_image", "recall@1", 0.25, 0.2, 0.3, 100,
    "fraction", "a.parquet",
)  # fmt: skip
NUMBERS = [
    ONE,
    replace(ONE, seed="*", metric="recall@1_std", value=None, ci_low=None, ci_high=None, n_queries=None),
    replace(ONE, dataset="-", split="-", variant="-", direction="-", metric="qps", value=1e9 / 3, unit="1/s"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place without published numbers."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    write_published(published_path("tiny"), NUMBERS)
    found = read_published("tiny")
    assert list(found) == [number.number_id for number in NUMBERS], "tables keep the order of the study"
    assert [found[number.number_id] for number in NUMBERS] == [as_published(number) for number in NUMBERS]
    assert found[ONE.number_id] == replace(ONE, source=""), "of where it was computed from nothing is kept"
    assert {path.name for path in (folder / "published").iterdir()} == {"tiny.parquet", SUMS}


def test_nine_digits_are_kept(folder: Path) -> None:
    value, low, high = 0.123456789123, -1234.56789123, 3.0000000004e-7
    write_published(published_path("tiny"), [replace(ONE, value=value, ci_low=low, ci_high=high)])
    (found,) = read_published("tiny").values()
    assert (found.value, found.ci_low, found.ci_high) == (0.123456789, -1234.56789, 3e-7)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_is_rounding_once_and_moves_by_half_a_digit(value: float) -> None:
    once = as_published(replace(ONE, value=value))
    assert as_published(once) == once and once.value is not None
    assert math.isclose(once.value, value, rel_tol=0.5000001 * 10 ** (1 - DIGITS), abs_tol=1e-320)


def test_what_is_not_finite_is_undefined() -> None:
    found = as_published(replace(ONE, value=math.nan, ci_low=-math.inf, ci_high=math.inf))
    assert (found.value, found.ci_low, found.ci_high) == (None, None, None)


def test_equal_numbers_give_equal_bytes(folder: Path) -> None:
    """From whatever files, and with digits that no page shows."""
    path = published_path("tiny")
    write_published(path, NUMBERS)
    first = path.read_bytes()
    others = [replace(number, source=f"{number.metric}.json") for number in NUMBERS]
    others[0] = replace(others[0], value=0.25 + 1e-15)
    write_published(path, others)
    assert path.read_bytes() == first
    write_published(path, [replace(ONE, value=0.2500001), *NUMBERS[1:]])
    assert path.read_bytes() != first


def test_thousands_of_numbers_are_small(folder: Path) -> None:
    places = [replace(ONE, cell=f"lora-r{i}", variant=f"shift-{j}") for i in range(60) for j in range(60)]
    write_published(published_path("tiny"), places)
    assert published_path("tiny").stat().st_size < 10 * len(places)


def test_how_many_seeds_a_number_rests_on_is_published(folder: Path) -> None:
    path = published_path("tiny")
    write_published(path, [replace(ONE, n_seeds=3)])
    assert next(iter(read_published("tiny").values())).n_seeds == 3
    path.with_name(SUMS).unlink()
    pq.write_table(pq.read_table(path).drop_columns("n_seeds"), path)
    assert next(iter(read_published("tiny").values())).n_seeds is None, "a table may not say"


@pytest.mark.parametrize("name", ["recall@1", "a/b/s0/d/e/f/g", "a/b/0/c/d/e/f/g", "a/b/s0/c/d/e/f/g/h"])
def test_a_wrong_id_is_named(folder: Path, name: str) -> None:
    row = {"number_id": name, "value": 0.1, "ci_low": None, "ci_high": None, "n_queries": 1, "unit": "ms"}
    published_path("tiny").parent.mkdir()
    pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), published_path("tiny"))
    with pytest.raises(UserError, match=f"published/tiny.parquet: '{name}' is no number id"):
        read_published("tiny")


def test_a_table_that_is_not_the_published_one_is_refused(folder: Path) -> None:
    import subprocess

    for study in ("tiny", "other"):
        write_published(published_path(study), NUMBERS)
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder / "published", check=True)
    content = published_path("tiny").read_bytes()
    write_published(published_path("tiny"), [replace(ONE, value=0.9), *NUMBERS[1:]])
    published_path("tiny").write_bytes(content)
    assert read_published("other")
    told = (
        "^published/tiny.parquet: not what was published, says published/SHA256SUMS; `git checkout published`"
    )
    with pytest.raises(UserError, match=told):
        read_published("tiny")


def test_every_published_table_of_this_repository_has_its_digest() -> None:
    lines = (ROOT / "published" / SUMS).read_text().splitlines()
    here = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (ROOT / "published").glob("*.parquet")
    }
    assert lines == [f"{here[name]}  {name}" for name in sorted(here)]


def test_what_is_not_published_is_named_with_what_is(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no numbers of study 'tiny' are published \(there are none\)"):
        read_published("tiny")
    for study in ("smoke", "emoji"):
        write_published(published_path(study), [ONE])
    with pytest.raises(
        UserError, match=r"^published/tiny.parquet: no such file.*\(there are emoji, smoke\)$"
    ):
        read_published("tiny")


def test_a_broken_file_is_named(folder: Path) -> None:
    published_path("tiny").parent.mkdir()
    published_path("tiny").write_text("version https://git-lfs.github.com/spec/v1")
    told = r"^published/tiny.parquet: not a readable .*; `git checkout published/tiny.parquet` restores it$"
    with pytest.raises(UserError, match=told):
        read_published("tiny")
