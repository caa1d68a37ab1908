"""Many icon sets as one dataset: names become captions, twins and blank drawings are left out."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from crossmodal.data.build import build_dataset
from crossmodal.data.icon_sets_params import Params
from crossmodal.data.tables import SPLITS, read_examples

OUTPUTS = (*SPLITS, "rejects", "sheet", "sheet_md")
INFO = {"license": {"title": "MIT"}, "author": {"name": "A designer", "url": "https://example.org"}}


def square(x: int, extra: str = "") -> dict[str, object]:
    return {"body": f'<path {extra} fill="currentColor" d="M{x} 0h4v4h-4z"/>'}


def tarball(path: Path, icons: dict[str, object]) -> Path:
    content = {"prefix": "x", "icons": icons, "aliases": {"other": {"parent": next(iter(icons))}}}
    with tarfile.open(path, "w:gz") as archive:
        for name, value in {"icons.json": content | {"width": 16, "height": 16}, "info.json": INFO}.items():
            data = json.dumps(value).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def params(sets: dict[str, Path], **values: object) -> Params:
    pins = {
        name: {"version": "1.0.0", "sha512": hashlib.sha512(path.read_bytes()).hexdigest()}
        for name, path in sets.items()
    }
    return Params.model_validate({"kind": "icon_sets", "sets": pins, "image_size": 16} | values)


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    first = {
        "arrow-up": square(0), "bell": square(2), "bell-copy": square(2), "empty": {"body": "<g/>"},
        "old": square(9, 'id="x"') | {"hidden": True},
    }  # fmt: skip
    second = {"bell": square(4), "broken": {"body": "<path d="}, **{f"n{i}": square(i + 5) for i in range(6)}}
    return {
        "one": tarball(tmp_path / "one.tgz", first),
        "two-more": tarball(tmp_path / "two.tgz", second),
    }


def build(sets: dict[str, Path], folder: Path, **values: object) -> dict:
    chosen = params(sets, **({"max_reject_share": 0.2} | values))
    packages = chosen.packages()
    assert [package.name for package in packages] == ["@iconify-json/one", "@iconify-json/two-more"]
    sources = {package.name: path for package, path in zip(packages, sets.values(), strict=True)}
    return build_dataset("icons", chosen, sources, {name: folder / name for name in OUTPUTS})


def test_icons_have_their_names_as_captions_and_labels(sets: dict[str, Path], tmp_path: Path) -> None:
    sheet = build(sets, tmp_path)
    examples = {example.image_id: example for example in read_examples(tmp_path / "train")}
    assert {"one/arrow-up", "one/bell", "two-more/bell"} <= set(examples)
    arrow = examples["one/arrow-up"]
    assert (arrow.captions, arrow.label, arrow.style) == (["arrow up"], "arrow-up", "one")
    assert examples["one/bell"].label == examples["two-more/bell"].label
    assert sheet["facts"] == {"twins left out": 1, "blank drawings left out": 1}
    assert [reject["image_id"] for reject in read_rejects(tmp_path)] == ["two-more/broken"]
    assert "one/old" not in examples and "one/other" not in examples, "hidden icons and aliases are none"
    assert [source["name"] for source in sheet["sources"]] == ["@iconify-json/one", "@iconify-json/two-more"]
    assert sheet["sources"][0]["licence"] == "MIT" and len(sheet["sources"][0]["sha512"]) == 128


def read_rejects(folder: Path) -> list[dict]:
    import pyarrow.parquet as pq

    return pq.read_table(folder / "rejects").to_pylist()


def test_a_name_is_in_one_split_in_every_set_and_a_limit_keeps_the_first(
    sets: dict[str, Path], tmp_path: Path
) -> None:
    build(sets, tmp_path, split={"train": 0.5, "val": 0.0, "test": 0.5})
    labels = [{example.label for example in read_examples(tmp_path / split)} for split in ("train", "test")]
    assert labels[0] and labels[1] and not labels[0] & labels[1]
    build(sets, tmp_path, limit=2, max_reject_share=0.5)
    kept = [example.image_id for example in read_examples(tmp_path / "train")]
    assert kept == ["one/arrow-up", "one/bell", "two-more/bell"]


@pytest.mark.parametrize(
    "pin", [{"version": "1.0", "sha512": "0" * 128}, {"version": "1.0.0", "sha512": "0" * 127}, {}]
)
def test_a_pin_is_a_version_and_a_whole_digest(pin: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"kind": "icon_sets", "sets": {"one": pin}})
