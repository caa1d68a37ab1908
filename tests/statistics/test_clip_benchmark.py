"""The layout of CLIP_benchmark's results."""

import json
from pathlib import Path

from crossmodal.statistics.clip_benchmark import to_clip_benchmark, write_clip_benchmark
from judged import number

PLACE = "{}/{}/{}/openmoji/test/{}/{}/recall@{}"


def test_clip_benchmark_layout(tmp_path: Path) -> None:
    models = {"full": "vit-tiny"}
    numbers = [
        number(PLACE.format(experiment, "full", seed, variant, direction, k), k / 10)
        for experiment, variant in (("peft", "clean"), ("robustness", "jpeg-3"), ("search", "flat"))
        for seed in ("s0", "s*")
        for direction in ("text_to_image", "image_to_text")
        for k in (1, 5, 10)
    ]
    records = to_clip_benchmark(numbers, models)
    assert [record["dataset"] for record in records] == ["openmoji", "openmoji-jpeg-3"]
    assert records[0] | {"metrics": None} == {
        "dataset": "openmoji", "model": "vit-tiny", "pretrained": "full-s0", "task": "zeroshot_retrieval",
        "language": "en", "metrics": None,
    }  # fmt: skip
    names = {f"{what}_retrieval_recall@{k}" for what in ("image", "text") for k in (1, 5, 10)}
    assert records[0]["metrics"].keys() == names
    write_clip_benchmark(tmp_path / "c.json", numbers, models)
    assert json.loads((tmp_path / "c.json").read_text()) == records


def test_each_cell_names_the_model_that_it_adapts() -> None:
    numbers = [number(PLACE.format("peft", c, "s0", "clean", "image_to_text", 1), 0.1) for c in ("a", "b")]
    records = to_clip_benchmark(numbers, {"a": "towers", "b": "scratch"})
    assert [(record["pretrained"], record["model"]) for record in records] == [
        ("a-s0", "towers"), ("b-s0", "scratch"),
    ]  # fmt: skip
