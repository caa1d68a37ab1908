"""Icons with one name each: variants of a drawing are one, blank ones are left out, all is in the test split."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from crossmodal.data.build import build_dataset
from crossmodal.data.named_icons import one_a_name
from crossmodal.data.named_icons_params import Params
from crossmodal.data.tables import SPLITS, Example, read_examples

OUTPUTS = (*SPLITS, "rejects", "sheet", "sheet_md")
INFO = {"license": {"title": "CC0"}, "author": {"name": "A designer"}}


def square(x: int) -> dict[str, object]:
    return {"body": f'<path fill="currentColor" d="M{x} 0h4v4h-4z"/>'}


def tarball(path: Path, icons: dict[str, object]) -> Path:
    content = {"prefix": "x", "icons": icons, "width": 32, "height": 32}
    with tarfile.open(path, "w:gz") as archive:
        for name, value in {"icons.json": content, "info.json": INFO}.items():
            data = json.dumps(value).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    first = {
        "bed": square(0), "bed-2": square(1), "bed-outline": square(2), "cat-3-outline": square(3),
        "b": square(4), "empty": {"body": "<g/>"}, "old": square(5) | {"hidden": True},
    }  # fmt: skip
    second = {
        "bed": square(6),
        "twin": square(0),
        "broken": {"body": "<path d="},
        **{f"thing-{name}": square(8 + place) for place, name in enumerate("abcdefgh")},
    }
    return {"one": tarball(tmp_path / "1.tgz", first), "two": tarball(tmp_path / "2.tgz", second)}


def build(sets: dict[str, Path], folder: Path, **values: object) -> tuple[dict, list[Example]]:
    pins = {
        name: {"version": "1.0.0", "sha512": hashlib.sha512(path.read_bytes()).hexdigest()}
        for name, path in sets.items()
    }
    given = {"kind": "named_icons", "sets": pins, "image_size": 16, "max_reject_share": 0.2} | values
    params = Params.model_validate(given)
    sources = {p.name: path for p, path in zip(params.packages(), sets.values(), strict=True)}
    sheet = build_dataset("domain", params, sources, {name: folder / name for name in OUTPUTS})
    assert not read_examples(folder / "train") and not read_examples(folder / "val")
    return sheet, read_examples(folder / "test")


def test_each_name_has_one_icon(sets: dict[str, Path], tmp_path: Path) -> None:
    sheet, examples = build(sets, tmp_path)
    found = {example.image_id: (example.label, example.captions) for example in examples}
    assert found["one/bed"] == ("bed", ["bed"]), "the first of its endings, and of the sets"
    assert found["one/cat-3-outline"] == ("cat", ["cat"])
    assert found["two/thing-a"] == ("thing-a", ["thing a"])
    labels = [example.label for example in examples]
    assert len(set(labels)) == len(labels) == 10
    assert sheet["facts"] == {"twins left out": 1, "blank drawings left out": 1}
    assert {"one/b", "one/old", "two/bed", "two/twin", "two/broken"}.isdisjoint(found)


def test_a_limit_draws_names_whatever_their_letter(sets: dict[str, Path], tmp_path: Path) -> None:
    whole = {example.image_id for example in build(sets, tmp_path)[1]} | {"two/twin"}
    parts = [
        {example.image_id for example in build(sets, tmp_path, limit=4, seed=seed, max_reject_share=1)[1]}
        for seed in range(6)
    ]
    assert all(part < whole and len(part) <= 4 for part in parts) and len(set(map(frozenset, parts))) > 1
    assert parts[0] == {example.image_id for example in build(sets, tmp_path, limit=4, max_reject_share=1)[1]}


def test_a_name_that_is_nothing_but_an_ending_is_kept() -> None:
    found = [
        one.name
        for one in one_a_name("x", ["outline-outline", "-outline", "box-24px-2"], ["-outline", r"-\d+(px)?"])
    ]
    assert found == ["-outline", "box", "outline"]


def test_numbers_tell_drawings_of_one_thing_apart_whether_figures_or_words() -> None:
    endings = Params.model_fields["endings"].default
    icons = ["bed", "bed2", "bed-2", "bed-two", "bed-alt", "bed-alt-2", "cat-three", "stone", "someone"]
    assert [one.name for one in one_a_name("x", icons, endings)] == ["bed", "cat", "someone", "stone"]


def test_the_order_of_sets_is_that_of_the_alphabet() -> None:
    pin = {"version": "1.0.0", "sha512": "0" * 128}
    found = Params.model_validate({"kind": "named_icons", "sets": {"two": pin, "one": pin}})
    assert [package.name for package in found.packages()] == ["@iconify-json/one", "@iconify-json/two"]


def test_an_ending_that_is_no_pattern_is_one_line() -> None:
    pin = {"version": "1.0.0", "sha512": "0" * 128}
    with pytest.raises(ValidationError, match=r"got '\(', which is no regular expression"):
        Params.model_validate({"kind": "named_icons", "sets": {"one": pin}, "endings": ["("]})
