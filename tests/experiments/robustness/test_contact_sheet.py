"""The sheet of examples: which are drawn, and that each stands under the shift that its file holds."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crossmodal import registry
from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, read_examples, write_examples
from crossmodal.experiments.robustness import section
from crossmodal.experiments.robustness.contact_sheet import (
    SHOWN,
    SIDE,
    choose,
    draw_sheet,
    grade_of,
    strength_of,
)
from crossmodal.experiments.robustness.records import ShiftFacts
from crossmodal.shifts.apply import shift_split
from crossmodal.statistics.numbers import SCHEMA
from drawn_sections import cell_values, drawing_values
from flat_drawings import COLOURS, drawn, flag, heart
from made_up_numbers import CELLS

SHIFTS: dict[str, dict[str, Any]] = {
    "jpeg-2": {"kind": "corruption", "name": "jpeg_compression", "severity": 2},
    "low": {"kind": "resolution", "size": 16},
    "sketch-5": {"kind": "pencil_sketch", "severity": 5},
    "sketch-1": {"kind": "pencil_sketch", "severity": 1},
    "capitals": {"kind": "letter_case", "severity": 5},
}
FACTS = {
    name: ShiftFacts(
        kind=values.get("name", values["kind"]),
        severity=values.get("severity"),
        size=values.get("size"),
        modality="texts" if values["kind"] == "letter_case" else "images",
    )
    for name, values in SHIFTS.items()
}


def example(
    name: str, body: str, group: str, captions: tuple[str, ...] = ("short", "a <b>bold</b> one")
) -> Example:
    return Example(name, encode_png(drawn(body)), "", [f"{c} {name}" for c in captions], name, group, "flat")


def write(path: Path, examples: list[Example]) -> Path:
    write_examples(path, examples)
    return path


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hearts = [example(f"heart {name}", heart(colour), "hearts") for name, colour in COLOURS.items()]
    flags = [example(f"flag {name}", flag(["#fff", colour]), "flags") for name, colour in COLOURS.items()]
    plus = [example("plus", '<path d="M36 20 V52" stroke="#000" stroke-width="2"/>', "signs")]
    return write(tmp_path_factory.mktemp("set") / "test.parquet", [*hearts, *flags, *plus])


@pytest.fixture(scope="module")
def shifted(clean: Path) -> dict[str, Path]:
    found = {}
    for name, values in SHIFTS.items():
        found[name] = clean.with_name(f"{name}.parquet")
        shift_split(clean, found[name], registry.parse("shifts", values), 0)
    return found


def test_examples_are_spread_over_groups_and_colours(clean: Path, tmp_path: Path) -> None:
    names = [found.image_id for found in choose(clean)]
    assert len(names) == len(set(names)) == SHOWN
    assert {found.group for found in choose(clean, 3)} == {"hearts", "flags", "signs"}
    mixed = [found.image_id.split()[-1] for found in choose(clean, 4) if found.group != "signs"]
    assert len(set(mixed)) == len(mixed), "no colour twice while there are others"
    backward = write(tmp_path / "backward.parquet", read_examples(clean)[::-1])
    assert [found.image_id for found in choose(backward)] == names, "the order of the file does not matter"


def test_a_small_dataset_is_shown_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "one.parquet", [example("only", heart("#f00"), "")])
    assert [found.image_id for found in choose(path)] == ["only"]
    empty = write(tmp_path / "none.parquet", [])
    assert choose(empty) == [] and draw_sheet(empty, {}, {}).kinds == {}


def test_pictures_stand_by_kind_and_severity(clean: Path, shifted: dict[str, Path]) -> None:
    sheet = draw_sheet(clean, shifted, FACTS)
    assert {kind: [(p.shift, p.strength) for p in row] for kind, row in sheet.kinds.items()} == {
        "jpeg compression": [("jpeg-2", "severity 2")],
        "resolution": [("low", "16\N{NO-BREAK SPACE}px")],
        "pencil sketch": [("sketch-1", "severity 1"), ("sketch-5", "severity 5")],
    }
    assert [name for name, _ in sheet.texts] == ["as they are", "capitals"]
    (_, before), (_, after) = sheet.texts
    assert after == [caption.upper() for caption in before] and len(before) == 3
    assert all(caption.startswith("a <b>bold</b> one") for caption in before), "the longest caption of each"


def test_sizes_go_from_weak_to_strong() -> None:
    sizes = [ShiftFacts(kind="resolution", size=size) for size in (16, 64, 32)]
    assert [strength_of(fact).split()[0] for fact in sorted(sizes, key=grade_of)] == ["64", "32", "16"]
    assert strength_of(ShiftFacts(kind="sketch")) == ""


def test_a_picture_shows_the_images_of_its_file(clean: Path, shifted: dict[str, Path]) -> None:
    def tiles(uri: str) -> np.ndarray:
        data = base64.b64decode(uri.removeprefix("data:image/webp;base64,"))
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

    sheet = draw_sheet(clean, shifted, FACTS)
    pale, plain = tiles(sheet.kinds["pencil sketch"][1].image), tiles(sheet.clean.image)
    assert plain.shape == (3 * SIDE, 3 * SIDE, 3)
    for place, found in enumerate(choose(clean)):
        y, x = place // 3 * SIDE, place % 3 * SIDE
        tile = Image.fromarray(np.array(Image.open(io.BytesIO(found.image)))).resize((SIDE - 4, SIDE - 4))
        shown = plain[y + 2 : y + SIDE - 2, x + 2 : x + SIDE - 2]
        assert np.abs(shown - np.asarray(tile).astype(int)).mean() < 8, found.image_id
    assert pale.mean() > plain.mean()


def test_what_was_lost_stands_beside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [example(name, heart(c), "g") for name, c in COLOURS.items()])
    values = {"kind": "corruption", "name": "contrast", "severity": 5, "largest_loss": 1.0}
    grey = tmp_path / "grey.parquet"
    shift_split(path, grey, registry.parse("shifts", values), 0)
    sheet = draw_sheet(path, {"grey": grey}, {"grey": ShiftFacts(kind="contrast", severity=5)})
    assert sheet.kinds["contrast"][0].lost == ["6 near-blank"]
    assert sheet.texts == []


def test_the_section_shows_it_and_escapes_captions(
    clean: Path, shifted: dict[str, Path], tmp_path: Path
) -> None:
    none = tmp_path / "none.parquet"
    pq.write_table(SCHEMA.empty_table(), none)
    facts = {name: fact.model_dump() for name, fact in FACTS.items()}
    values = drawing_values("robustness", cell_values(CELLS), {"shifts": list(SHIFTS)}, facts)
    section.main(
        cells=none, numbers=none, sanity=[], images=[clean], shifted=list(shifted.values()),
        section=tmp_path / "s.json", figures=tmp_path / "f.csv", spec={"parameters": values},
    )  # fmt: skip
    html = json.loads((tmp_path / "s.json").read_text())["html"]
    assert html.count('src="data:image/webp;base64,') == 5
    assert "a &lt;b&gt;bold&lt;/b&gt; one" in html and "<b>bold" not in html
    assert all(f">{name}" in html for name in SHIFTS)
    assert '<th scope="col">severity' not in html, "a size is under no heading of a severity"
    assert "low<br>16\N{NO-BREAK SPACE}px" in html and "sketch-5<br>severity 5" in html
