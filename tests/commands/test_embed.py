"""`crossmodal embed` on folders and datasets made for the test, with a model of random weights."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from crossmodal.data.tables import read_examples
from crossmodal.models import clip
from crossmodal.models.embeddings import read_embeddings
from crossmodal.models.export import export_embeddings
from crossmodal.provenance.digests import md5
from crossmodal.search.formats.open_vectors import open_vectors


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of 7 PNGs, of which some have captions beside them."""
    root = tmp_path / "pictures"
    (root / "deep er").mkdir(parents=True)
    for i in range(7):
        place = root / "deep er" if i % 2 else root
        Image.new("RGB", (30 + i, 40), (30 * i, 90, 200)).save(place / f"p{i}.png")
        if i in (1, 4):
            (place / f"p{i}.txt").write_text(f"picture {i}\n\n  again \n")
    (root / "notes.md").write_text("no picture")
    return root


def picture(place):
    """Return what `FILE.parquet#ROW` stands for, read anew."""
    file, _, row = place.rpartition("#")
    image = pq.read_table(file).column("image")[int(row)].as_py()
    return image["bytes"] or (Path(file).parent / image["path"]).read_bytes()


def all_of(path):
    found = open_vectors(path)
    items = pa.concat_tables(found.items(3)).to_pylist()
    return found, np.concatenate(list(found.blocks(3))), items


def test_a_dataset_comes_out_as_a_study_embeds_it(crossmodal, dataset, model, tmp_path):
    done = crossmodal("embed", dataset, "--model", model, "--out", tmp_path / "out", "--batch-size", 3)
    assert done.status == 0, done.err
    assert "8 images and 16 captions" in done.out and "100%" in done.err
    study = clip.load_clip(model / "open_clip_config.json", model / "open_clip_model.safetensors")
    export_embeddings(study, dataset, tmp_path / "i.parquet", tmp_path / "c.parquet", 64, {})
    for own, other in (("images-00000", "i"), ("captions-00000", "c")):
        found, wanted = (
            read_embeddings(path) for path in (tmp_path / f"out/{own}.parquet", tmp_path / f"{other}.parquet")
        )
        assert (found.ids, found.image_ids, found.labels) == (wanted.ids, wanted.image_ids, wanted.labels)
        np.testing.assert_allclose(found.vectors, wanted.vectors, atol=2e-3)
    assert found.metadata == {
        "model": md5(model / "open_clip_model.safetensors"),
        "model_name": str(model.resolve()),
        "dataset": md5(dataset),
    }
    _, _, items = all_of(tmp_path / "out")
    for item, example in zip(items, read_examples(dataset), strict=True):
        assert item["caption"] == example.captions[0] and item["name"] == Path(example.path).stem
        assert picture(item["path"]) == example.image


def test_a_folder_in_shards_and_whole_is_the_same(crossmodal, folder, model, tmp_path):
    for out, options in (
        ("whole", []),
        ("parts", ["--shard-size", 3, "--batch-size", 2, "--workers", 5]),
        ("peer", ["--layout", "clip-retrieval", "--no-captions", "--shard-size", 4]),
    ):
        done = crossmodal("embed", folder, "--model", model, "--out", tmp_path / out, *options)
        assert done.status == 0, done.err
    _, whole, items = all_of(tmp_path / "whole")
    assert sorted(p.name for p in (tmp_path / "parts").glob("images*")) == [
        f"images-0000{i}.parquet" for i in range(3)
    ]
    parts = all_of(tmp_path / "parts")
    np.testing.assert_allclose(parts[1], whole, atol=2e-3)
    assert parts[2] == items
    assert [item["id"] for item in items][:3] == ["deep er/p1.png", "deep er/p3.png", "deep er/p5.png"]
    assert [item["caption"] for item in items] == ["picture 1", *[None] * 4, "picture 4", None]
    assert Path(items[0]["path"]).read_bytes() == (folder / "deep er/p1.png").read_bytes()
    asked = parts[0].captions()
    assert [i["id"] for i in pa.concat_tables(asked.items(9)).to_pylist()] == [
        "deep er/p1.png#0", "deep er/p1.png#1", "p4.png#0", "p4.png#1"
    ]  # fmt: skip
    peer = np.concatenate([np.load(tmp_path / f"peer/img_emb/img_emb_{i}.npy") for i in range(2)])
    np.testing.assert_allclose(peer.astype(np.float32), whole, atol=2e-3)
    table = pd.read_parquet(tmp_path / "peer/metadata")
    assert list(table.image_path) == [item["path"] for item in items]
    assert not (tmp_path / "peer/text_emb").exists()


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_datasets_as_hugging_face_writes_them(crossmodal, model, tmp_path):
    """No ids, one caption as a string, numbers as labels, bytes or a path; in several files."""
    rows = [{"image": {"bytes": png(c), "path": f"{c}.png"}, "text": f"a {c} thing", "label": i}
            for i, c in enumerate(("red", "blue"))]  # fmt: skip
    data = tmp_path / "hf"
    data.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), data / "train-0.parquet")
    (data / "green.png").write_bytes(png("green"))
    third = [{"image": {"bytes": None, "path": "green.png"}, "text": None, "label": 0}]
    kinds = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kinds), ("text", pa.string()), ("label", pa.int64())])
    pq.write_table(pa.Table.from_pylist(third, schema=schema), data / "train-1.parquet")
    refused = crossmodal("embed", data, "--model", model, "--out", tmp_path / "out")
    assert "holds images and Parquet files" in refused.err
    moved = tmp_path / "elsewhere"
    shutil.copytree(data, moved)
    (moved / "green.png").rename(moved / "green")
    third[0]["image"]["path"] = "green"
    pq.write_table(pa.Table.from_pylist(third, schema=schema), moved / "train-1.parquet")
    done = crossmodal("embed", moved, "--model", model, "--out", tmp_path / "out")
    assert done.status == 0, done.err
    _, vectors, items = all_of(tmp_path / "out")
    assert [(i["id"], i["label"], i["name"], i["caption"]) for i in items] == [
        ("0", "0", "red", "a red thing"), ("1", "1", "blue", "a blue thing"), ("2", "0", "green", None)
    ]  # fmt: skip
    assert [picture(item["path"]) for item in items] == [png("red"), png("blue"), png("green")]
    assert len(np.unique(vectors, axis=0)) == 3


def study_of(model, root, cell="lora-r8", seeds=(1, 2)):
    """Lay out a finished study around `model`, whose adapters change nothing but the digest."""
    from crossmodal import registry
    from crossmodal.adaptation import methods

    results = root / "results/toy"
    shutil.copytree(model, results / "models/base")
    record = {"adaptation": {"cells": {cell: {"model": "base"}}}}
    (results / "study.json").write_text(json.dumps(record))
    for seed in seeds:
        adapted = clip.load_clip(model / "open_clip_config.json", model / "open_clip_model.safetensors")
        params = registry.parse("adaptation", {"kind": "lora", "rank": 2})
        methods.attach(adapted, params, seed)
        where = results / f"adaptation/{cell}/s{seed}"
        where.mkdir(parents=True)
        methods.save_adapter(
            adapted, params, where / "adapter_config.json", where / "adapter_model.safetensors"
        )
    return results


def test_the_model_of_a_cell(crossmodal, folder, model, tmp_path, monkeypatch):
    results = study_of(model, tmp_path)
    monkeypatch.chdir(tmp_path)
    done = crossmodal("embed", folder, "--study", "toy", "--cell", "lora-r8", "--out", "out")
    assert done.status == 0, done.err
    metadata = open_vectors(Path("out")).metadata
    files = (
        results / "models/base/open_clip_model.safetensors",
        results / "adaptation/lora-r8/s1/adapter_model.safetensors",
    )
    assert metadata["model"] == "+".join(map(md5, files)), "as the study's own embeddings say"
    assert metadata["adapter"] == str(results / "adaptation/lora-r8/s1")

    def fails(*arguments):
        done = crossmodal("embed", folder, "--out", "o", *arguments)
        assert done.status == 1 and done.err.count("error: ") == 1 and not Path("o").exists()
        return done.err

    toy = ("--study", "toy", "--cell")
    assert 'did you mean "lora-r8"' in fails(*toy, "lora-8")
    assert "no cell given (has: lora-r8)" in fails("--study", "toy")
    assert "there are seeds 1, 2; run the study" in fails(*toy, "lora-r8", "--cell-seed", 7)
    assert "give one of the two" in fails(*toy, "lora-r8", "--model", model)
    assert "no model given" in fails()
    for broken in ("[]", '{"adaptation": {"cells": {"lora-r8": {"model": null}}}}'):
        (results / "study.json").write_text(broken)
        assert "not the record of a study" in fails(*toy, "lora-r8")


def test_what_is_wrong_is_one_line_and_leaves_nothing(crossmodal, folder, dataset, model, tmp_path):
    def fails(data, *arguments, out=tmp_path / "out"):
        before = sorted(tmp_path.iterdir())
        done = crossmodal("embed", data, "--model", model, "--out", out, *arguments)
        said = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert done.status == 1 and len(said) == 1 and "Traceback" not in done.err, done.err
        assert sorted(tmp_path.iterdir()) == before
        return said[0]

    assert "no such file or folder" in fails(tmp_path / "nowhere")
    assert "there is no folder" in fails(folder, out=tmp_path / "no/out")
    assert "is there already and not empty" in fails(folder, out=folder)
    assert "is a file; name a folder" in fails(folder, out=dataset)
    assert 'did you mean "clip-retrieval"' in fails(folder, "--layout", "clip_retrieval")
    assert "image deep er/p3.png has no caption and deep er/p1.png has one" in fails(
        folder, "--layout", "clip-retrieval"
    )
    (tmp_path / "empty").mkdir()
    assert "no image (.png" in fails(tmp_path / "empty")
    table = pq.read_table(dataset)
    cases = {
        "bytes": table.drop(["image"]),
        "shape": table.set_column(1, "image", pa.array([1] * 8)),
        "twice": pa.concat_tables([table, table.slice(3, 1)]),
        "none": table.slice(0, 0),
        "numbers": table.set_column(2, "captions", pa.array([[1]] * 8)),
        "null": table.set_column(0, "image_id", pa.array(["a", None, *"cdefgh"])),
    }
    path = tmp_path / "bad.parquet"
    expected = {
        "bytes": "no column 'image'", "shape": "column 'image' holds int64", "none": "the dataset is empty",
        "twice": "image_id 'toy/yellow' stands twice", "numbers": "captions are strings or lists",
        "null": "row 1 has no image_id",
    }  # fmt: skip
    for name, bad in cases.items():
        pq.write_table(bad, path)
        assert expected[name] in fails(path)
    path.write_bytes(dataset.read_bytes()[:500])
    assert "not a readable Parquet file" in fails(path)


def test_a_broken_image_ends_the_work_or_is_left_out(crossmodal, folder, model, tmp_path):
    (folder / "p4.png").write_bytes(b"no image")
    out = tmp_path / "out"
    done = crossmodal("embed", folder, "--model", model, "--out", out)
    assert done.status == 1 and "image p4.png: not an image file; mend it" in done.err
    assert not out.exists() and not list(tmp_path.glob(".*"))
    options = ["--skip-broken", "--batch-size", 2, "--shard-size", 4]
    done = crossmodal("embed", folder, "--model", model, "--out", out, *options)
    assert done.status == 0 and "6 images and 2 captions, 1 left out" in done.out
    assert "left out: " in done.err and "p4.png" in done.err
    assert len(all_of(out)[1]) == 6
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    done = crossmodal("embed", folder, "--model", model, "--out", tmp_path / "o", "--skip-broken")
    assert done.status == 1 and "no image could be read; the first: " in done.err
