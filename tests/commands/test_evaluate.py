"""`crossmodal evaluate` on a dataset and a model made for the test."""

import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.data.images import decode
from crossmodal.data.tables import read_examples
from crossmodal.models import clip, dual_encoder
from crossmodal.statistics.metrics import CONCEPT_METRICS, METRICS


def load(model):
    return clip.load_clip(model / "open_clip_config.json", model / "open_clip_model.safetensors")


def slow_recall(model, dataset, k):
    """Return recall@k of both directions, query by query."""
    examples = read_examples(dataset)
    with torch.no_grad():
        images = [
            dual_encoder.encode_images(
                model, dual_encoder.to_pixels(torch.from_numpy(decode(e.image, 32).copy())[None])
            )[0]
            for e in examples
        ]
        captions = [
            (e.label, dual_encoder.encode_texts(model, clip.tokenize(model, [text]))[0])
            for e in examples
            for text in e.captions
        ]
    hits = {"text_to_image": [], "image_to_text": []}
    for label, text in captions:
        order = sorted(range(len(images)), key=lambda i: -float(images[i] @ text))
        hits["text_to_image"].append(label in [examples[i].label for i in order[:k]])
    for example, image in zip(examples, images, strict=True):
        order = sorted(captions, key=lambda caption: -float(image @ caption[1]))
        hits["image_to_text"].append(example.label in [label for label, _ in order[:k]])
    return {direction: float(np.mean(found)) for direction, found in hits.items()}


def test_recall_is_that_of_a_slow_count(crossmodal, dataset, model, tmp_path):
    done = crossmodal("evaluate", dataset, "--model", model, "--resamples", 200, "--out", tmp_path / "n.json")
    assert done.status == 0, done.err
    stored = json.loads((tmp_path / "n.json").read_text())
    assert (stored["images"], stored["captions"], stored["adapter"]) == (8, 16, None)
    values = {(n["direction"], n["metric"]): n for n in stored["numbers"]}
    for k in (1, 5):
        for direction, expected in slow_recall(load(model), dataset, k).items():
            number = values[direction, f"recall@{k}"]
            assert number["value"] == expected
            assert number["ci_low"] <= expected <= number["ci_high"]
            assert number["n_queries"] == (16 if direction == "text_to_image" else 8)
            assert re.search(rf"{direction} │ recall@{k} +│ {100 * expected:.1f} +│", done.out)
    assert {metric for direction, metric in values if direction == "text_to_image"} == set(METRICS)
    asked = {metric for direction, metric in values if direction == "image_to_text"}
    assert asked == {*METRICS, *CONCEPT_METRICS}, (
        "captions of one concept compete for an image's first places"
    )


def test_an_adapter_is_put_on_the_model(crossmodal, dataset, model, tmp_path):
    adapted = load(model)
    params = registry.parse("adaptation", {"kind": "lora", "rank": 2})
    methods.attach(adapted, params, 0)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                random = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
                parameter.copy_(0.2 * random)
    methods.save_adapter(
        adapted, params, tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    )
    out = tmp_path / "n.json"
    done = crossmodal(
        "evaluate", dataset, "--model", model, "--adapter", tmp_path, "--out", out, "--resamples", 9
    )
    assert done.status == 0, done.err
    values = {(n["direction"], n["metric"]): n["value"] for n in json.loads(out.read_text())["numbers"]}
    methods.merge(adapted, params)
    for direction, expected in slow_recall(adapted.eval(), dataset, 5).items():
        assert values[direction, "recall@5"] == expected


def test_what_is_wrong_is_one_line(crossmodal, dataset, model, tmp_path):
    def fails(*arguments):
        done = crossmodal("evaluate", *arguments, "--out", tmp_path / "n.json")
        said = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert done.status == 1 and len(said) == 1 and "Traceback" not in done.err
        assert not (tmp_path / "n.json").exists() and not list(tmp_path.glob(".*"))
        return said[0]

    assert "no such folder, and not ARCHITECTURE/PRETRAINED" in fails(dataset, "--model", "nowhere")
    assert "no such folder, and not ARCHITECTURE/PRETRAINED" in fails(dataset, "--model", "./no/where")
    assert "open_clip has no architecture 'ViT-B-33'" in fails(dataset, "--model", "ViT-B-33/openai")
    assert "ViT-B-32-quickgelu" in fails(dataset, "--model", "ViT-B-32/openai")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "open_clip_config.json: no such model configuration" in fails(dataset, "--model", empty)
    assert "there is no adapter_config.json in it; give a folder such as results/STUDY/adaptation" in fails(
        dataset, "--model", model, "--adapter", empty
    )
    shutil.copytree(model, tmp_path / "cut")
    weights = tmp_path / "cut/open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "not a readable safetensors file" in fails(dataset, "--model", tmp_path / "cut")
    table = pq.read_table(dataset)
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    assert "the dataset is empty" in fails(tmp_path / "none.parquet", "--model", model)
    rows = table.to_pylist()
    rows[2]["image"]["bytes"] = b"no image"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "broken.parquet")
    assert "image toy/blue: not an image file" in fails(tmp_path / "broken.parquet", "--model", model)
    assert (
        "there is no folder"
        in crossmodal("evaluate", dataset, "--model", model, "--out", tmp_path / "no/n.json").err
    )
