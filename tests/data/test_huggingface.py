"""Datasets of the hub as a folder of Parquet files."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from dataset_files import COLUMNS, Item, read, table
from picture_files import photo

REVISION = "0123456789abcdef0123456789abcdef01234567"
PINNED = {"repo": "a/b", "revision": REVISION, "files": {"test.parquet": "0" * 64}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset with two splits, one of them in two files."""
    names = {
        "train-00000-of-00002": ["a", "b"],
        "train-00001-of-00002": ["c"],
        "validation-00000-of-00001": ["d"],
    }
    for name, own in names.items():
        table(tmp_path / f"data/{name}.parquet", [Item(key, photo()) for key in own])
    return tmp_path


def params(folder: Path, /, **values: Any) -> dict[str, Any]:
    splits = {"train": "train", "validation": "val"}
    return {"kind": "huggingface", "folder": str(folder), "splits": splits, "columns": COLUMNS, **values}


def ids(parts: dict[str, list[Any]]) -> dict[str, list[str]]:
    return {split: [example.image_id for example in part] for split, part in parts.items()}


def test_files_belong_to_splits_by_their_names(folder: Path) -> None:
    assert ids(read(params(folder))[0]) == {"train": ["a", "b", "c"], "val": ["d"], "test": []}
    assert ids(read(params(folder, splits={"validation": "test"}))[0]) == {
        "train": [],
        "val": [],
        "test": ["d"],
    }
    usual = {key: value for key, value in params(folder).items() if key != "splits"}
    assert ids(read(usual)[0]) == {"train": ["a", "b", "c"], "val": ["d"], "test": []}


@pytest.mark.parametrize(
    "name", ["test/0000.parquet", "test.parquet", "test-00000.parquet", "data/test.parquet"]
)
def test_files_of_a_configuration_lie_as_the_hub_has_them(name: str, tmp_path: Path) -> None:
    table(tmp_path / "default" / name, [Item("a", photo())])
    table(tmp_path / "other" / name, [Item("b", photo())])
    found = read(params(tmp_path, config="default", splits={"test": "test"}))[0]
    assert ids(found) == {"train": [], "val": [], "test": ["a"]}


def test_one_file_may_hold_all_splits_or_none(tmp_path: Path) -> None:
    items = [Item("a", photo(), split="train"), Item("b", photo(), split="validation")]
    table(tmp_path / "data/test-00000-of-00001.parquet", items)
    found = read(params(tmp_path, columns={**COLUMNS, "split": "split"}))[0]
    assert ids(found) == {"train": ["a"], "val": ["b"], "test": []}
    found = read(params(tmp_path, split={"train": 0.0, "val": 0.0, "test": 1.0}))[0]
    assert ids(found) == {"train": [], "val": [], "test": ["a", "b"]}


def test_what_is_missing_is_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^splits: .* has no Parquet file of 'test', .*; there are: data/train-00000"
    ) as error:
        read(params(folder, splits={"train": "train", "test": "test"}))
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"there are: none"):
        read(params(tmp_path / "none"))
    with pytest.raises(UserError, match=r"has no Parquet file; fetch"):
        read(params(tmp_path / "none", split={"train": 0.0, "val": 0.0, "test": 1.0}))


def test_fetched_files_have_the_ids_that_a_folder_gives(folder: Path) -> None:
    by_digest = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.rglob("*.parquet")}
    files = {path.relative_to(folder).as_posix(): digest for digest, path in by_digest.items()}
    files["data/other-00000-of-00001.parquet"] = "0" * 64
    columns = {"captions": ["captions"]}
    local, _ = read(params(folder, columns=columns, title="Pairs"))
    hub = {"repo": "someone/pairs", "revision": REVISION, "files": files}
    parsed = registry.parse("data", params(folder, folder=None, hub=hub, columns=columns, title="Pairs"))
    assert parsed.files() == {} and len(parsed.packages()) == 3, "what no split names is not fetched"
    sources = {}
    for file in parsed.packages():
        sources[file.name] = folder / file.file_name
        shutil.copy(by_digest[file.sha256], sources[file.name])
    built = registry.load("data", "huggingface").build(parsed, sources)
    assert {split: list(built.splits[split]) for split in local} == local
    assert local["train"][2].image_id == "train-00001-of-00002/0"
    with pytest.raises(UserError, match=r"^splits: hub: someone/pairs has no .* of 'dev', .*data/other-0"):
        read(params(folder, folder=None, hub=hub, splits={"dev": "val"}))


@pytest.mark.parametrize(
    ("hub", "message"),
    [
        ({"revision": "main"}, "revision"),
        ({"repo": "pairs"}, "repo"),
        ({"files": {}}, "at least 1 item"),
        ({"files": {"../a.parquet": "0" * 64}}, "a path below the repository's own folder"),
        ({"files": {"a.parquet": "0" * 63}}, "pattern"),
        ({"files": {"a.json": "0" * 64}}, "only Parquet files"),
    ],
)
def test_a_pin_is_a_commit_and_whole_digests(hub: dict[str, Any], message: str) -> None:
    pinned = {**PINNED, **hub}
    with pytest.raises(ValidationError, match=message):
        registry.parse("data", params(Path("x"), folder=None, hub=pinned))


@pytest.mark.parametrize("values", [{"folder": None}, {"hub": PINNED}])
def test_files_are_fetched_or_here(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give hub, with the files to fetch, or folder"):
        registry.parse("data", params(Path("x"), **values))
