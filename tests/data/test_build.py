import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossmodal import registry
from crossmodal.data.build import build_dataset
from crossmodal.data.built import Built, Reject
from crossmodal.data.images import decode_split, encode_png
from crossmodal.data.shapes_params import Params
from crossmodal.data.sheet import render
from crossmodal.data.tables import SPLITS, Example, read_examples, read_table
from crossmodal.errors import UserError

FACTS: dict[str, Any] = {
    "title": "A *title*",
    "description": "What <it> is",
    "sources": [{"name": "here", "version": "1", "licence": "MIT"}],
    "captions": "by hand",
    "splits": "by | hand",
    "known_limits": ["few"],
}


@pytest.fixture
def outputs(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("train", "val", "test", "rejects", "sheet", "sheet_md")}


def example(name: str) -> Example:
    image = encode_png(np.full((4, 6, 3), len(name), dtype=np.uint8))
    return Example(name, image, f"{name}.png", [f"one {name}", "two"], name, "group", "style")


def kind(monkeypatch: pytest.MonkeyPatch, good: int, bad: int, repeat: bool = False) -> None:
    """Let the kind `shapes` give `good` examples and `bad` rejects, all in train."""
    rejects: list[Reject] = []

    def train() -> Iterator[Example]:
        for i in range(good):
            yield example("same" if repeat else f"e{i}")
        for i in range(bad):
            rejects.append(Reject(f"r{i}", f"r{i}.jpg", "empty file"))

    built = Built({"train": train(), "val": [], "test": []}, rejects, FACTS)
    module = SimpleNamespace(build=lambda params, sources: built)
    monkeypatch.setattr(registry, "load", lambda package, name: module)


def test_everything_is_written_and_counted(outputs: dict[str, Path]) -> None:
    params = Params(kind="shapes", n=50, image_size=16)
    sheet = build_dataset("tiny", params, {}, outputs)
    assert json.loads(outputs["sheet"].read_text()) == sheet
    assert outputs["sheet_md"].read_text() == render(sheet)
    parts = {split: read_examples(outputs[split]) for split in SPLITS}
    for split, part in parts.items():
        assert sheet["splits"][split] == {
            "images": len(part),
            "captions": 5 * len(part),
            "labels": len({e.label for e in part}),
        }
        assert decode_split(outputs[split], 8).shape == (len(part), 8, 8, 3)
        assert read_table(outputs[split]).schema.metadata[b"dataset"] == b"tiny"
    groups = {group: sum(counts.values()) for group, counts in sheet["groups"].items()}
    assert sum(groups.values()) == 50
    assert sheet["images"]["width"] == sheet["images"]["height"] == [16, 16]
    assert sheet["parameters"]["split"]["test"] == 0.3


def test_the_same_bytes_on_every_run(outputs: dict[str, Path]) -> None:
    params = Params(kind="shapes", n=20, image_size=16)
    runs = []
    for _ in range(2):
        build_dataset("tiny", params, {}, outputs)
        runs.append({name: path.read_bytes() for name, path in outputs.items()})
    assert runs[0] == runs[1]


def test_too_many_rejects_stop_the_stage(outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kind(monkeypatch, good=9, bad=1)
    with pytest.raises(UserError) as error:
        build_dataset("tiny", Params(kind="shapes", n=1, max_reject_share=0.09), {}, outputs)
    message = str(error.value)
    assert message.startswith("dataset tiny: 1 of 10 images (10.0%) cannot be used")
    assert "max_reject_share = 0.09" in message and "r0.jpg: empty file" in message and "\n" not in message


def test_a_few_rejects_are_recorded(
    outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind(monkeypatch, good=9, bad=1)
    sheet = build_dataset("tiny", Params(kind="shapes", n=1, max_reject_share=0.1), {}, outputs)
    assert sheet["rejects"] == {"count": 1, "share": 0.1, "reasons": {"empty file": 1}}
    assert read_table(outputs["rejects"]).to_pylist() == [
        {"image_id": "r0", "path": "r0.jpg", "reason": "empty file"}
    ]
    assert "left out r0.jpg: empty file" in capsys.readouterr().err
    text = outputs["sheet_md"].read_text()
    assert "Left out: 1 images (10.00%)" in text and "| empty file | 1 |" in text


def test_rejects_are_allowed_by_a_share_of_one_but_an_empty_dataset_is_not(
    outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind(monkeypatch, good=0, bad=3)
    with pytest.raises(UserError, match="not a single image"):
        build_dataset("tiny", Params(kind="shapes", n=1, max_reject_share=1.0), {}, outputs)


def test_labels_with_the_same_picture_are_counted(
    outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind(monkeypatch, good=4, bad=0)
    sheet = build_dataset("tiny", Params(kind="shapes", n=1), {}, outputs)
    assert sheet["images"]["same_file_other_label"] == 4
    assert "4 labels have, within a style, exactly the same image" in outputs["sheet_md"].read_text()


def test_repeated_ids_are_an_error(outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kind(monkeypatch, good=2, bad=0, repeat=True)
    with pytest.raises(UserError, match="image id same: appears twice"):
        build_dataset("tiny", Params(kind="shapes", n=1), {}, outputs)


def test_the_sheet_reads_as_markdown(outputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kind(monkeypatch, good=3, bad=0)
    build_dataset("tiny", Params(kind="shapes", n=1), {}, outputs)
    text = outputs["sheet_md"].read_text()
    assert text.startswith("# A \\*title\\*\n\nWhat &lt;it&gt; is\n\n## Source and licence\n")
    assert "| here | 1 | MIT |" in text
    assert "| train | 3 | 6 | 3 |" in text
    assert "| split.train | 0.6 |" in text
    assert "\n- few\n" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
