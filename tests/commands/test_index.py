"""`crossmodal index` on vectors of every format: what it writes is searched, and what is wrong is said."""

import json
import struct

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from crossmodal.commands.index_settings import default_kind, default_m, index_parameters
from crossmodal.errors import UserError
from crossmodal.models.embeddings import write_embeddings
from crossmodal.provenance.digests import md5
from crossmodal.search.checks import SAME
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.formats.open_vectors import open_vectors
from crossmodal.search.searcher import open_searcher
from crossmodal.search.store import store_of

N, WIDTH = 400, 16


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def vectors():
    found = np.random.default_rng(0).standard_normal((N, WIDTH)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def npy(vectors, tmp_path):
    np.save(tmp_path / "v.npy", vectors)
    return tmp_path / "v.npy"


def written(folder, vectors, name):
    path = folder / name
    if name == "v.npy":
        np.save(path, vectors)
    elif name == "v.fbin":
        path.write_bytes(struct.pack("<II", *vectors.shape) + vectors.astype("<f4").tobytes())
    elif name == "v.hdf5":
        with h5py.File(path, "w") as file:
            file["train"], file["test"] = vectors, vectors[:5]
    else:
        ids = [f"i{k}" for k in range(len(vectors))]
        write_embeddings(path, ids, ids, ids, vectors, {"model": "m"})
    return path


@pytest.mark.parametrize("name", ["v.npy", "v.fbin", "v.hdf5", "v.parquet"])
def test_each_format_becomes_an_index_that_finds_the_nearest(crossmodal, vectors, tmp_path, name):
    path = written(tmp_path, vectors, name)
    out = tmp_path / "out"
    done = crossmodal("index", path, "--kind", "ivf_pq", "--set", "nlist=4", "--set", "m=4", "--out", out)
    assert done.status == 0, done.err
    assert "400 vectors of width 16 as IVF4,PQ4x8np" in done.out and "image queries: recall@10" in done.out
    assert {p.name for p in out.iterdir()} == {
        "index.faiss", "card.json", "points.json", "items.parquet", "vectors.npy"
    }  # fmt: skip
    assert not list(tmp_path.glob(".*"))
    half = vectors.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(np.load(out / "vectors.npy", mmap_mode="r"), vectors.astype(np.float16))
    searcher = open_searcher(out, "text")
    scores, positions = searcher.search(vectors[:50], 10)
    wanted = exhaustive(store_of(half), vectors[:50], 10)
    shared = [len(set(a) & set(b)) for a, b in zip(positions.tolist(), wanted[1].tolist(), strict=True)]
    assert sum(shared) >= 0.97 * 500
    np.testing.assert_array_equal(positions[:, 0], np.arange(50))
    exact = np.einsum("qd,qkd->qk", vectors[:50], half[positions])
    np.testing.assert_allclose(scores, exact, atol=1e-6)
    items = pq.read_table(out / "items.parquet").to_pylist()
    assert items[7]["id"] == ("i7" if name == "v.parquet" else "7") and items[7]["path"] is None
    card = json.loads((out / "card.json").read_text())
    assert card["items"] == N and card["model"] == ("m" if name == "v.parquet" else None)
    assert set(json.loads((out / "points.json").read_text())) == {"image"}


@pytest.mark.parametrize(
    ("kind", "assignments", "files"),
    [
        ("flat", [], set()),
        ("hnsw", ["links=8", "refinement.precision=int8"], {"vectors.npy", "vectors.scales.npy"}),
        ("ivf_rabitq", ["nlist=2", "refinement=null"], set()),
        ("opq_ivf_pq", ["nlist=2", "bits=4", "m=4", "nprobe=2"], {"vectors.npy"}),
    ],
)
def test_other_kinds(crossmodal, npy, tmp_path, kind, assignments, files):
    options = [word for assignment in assignments for word in ("--set", assignment)]
    done = crossmodal("index", npy, "--kind", kind, *options, "--out", tmp_path / "out", "--target", 0.9)
    assert done.status == 0, done.err
    assert {p.name for p in (tmp_path / "out").glob("vectors*")} == files
    searcher = open_searcher(tmp_path / "out", "image")
    assert searcher.count == N and (searcher.search(np.load(npy)[:9], 5)[1] >= 0).all()
    if kind == "flat":
        assert "recall@10 1.0000\n" in done.out


def test_queries_are_those_given(crossmodal, npy, vectors, tmp_path):
    """Of a file that asks for other things than the vectors themselves, and of a benchmark's test set."""
    asked = np.roll(vectors[:50], 1, axis=1)
    for name, path in (("own", written(tmp_path, asked, "v.fbin")), ("tests", tmp_path / "q.hdf5")):
        with h5py.File(tmp_path / "q.hdf5", "w") as file:
            file["train"], file["test"] = vectors, asked
        done = crossmodal(
            "index",
            npy,
            "--kind",
            "ivf_pq",
            "--set",
            "nlist=16",
            "--set",
            "m=4",
            "--queries",
            path,
            "--out",
            tmp_path / name,
        )
        assert done.status == 0, done.err
    points = [json.loads((tmp_path / name / "points.json").read_text()) for name in ("own", "tests")]
    assert points[0] == points[1] and set(points[0]) == {"text", "image"}
    best = points[0]["text"]
    searcher = open_searcher(tmp_path / "own", "text")
    wanted = exhaustive(store_of(vectors.astype(np.float16).astype(np.float32)), asked, 10)[1]
    found = searcher.search(asked, 10)[1]
    recall = np.mean(
        [len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)]
    )
    assert recall == pytest.approx(best["recall"]) and best["reached"] is True


def test_vectors_of_any_length_are_scaled_when_asked(crossmodal, vectors, tmp_path):
    lengths = np.linspace(0.5, 9, N, dtype=np.float32)[:, None]
    path = written(tmp_path, vectors * lengths, "v.npy")
    done = crossmodal("index", path, "--kind", "flat", "--out", tmp_path / "out")
    assert done.status == 1 and "row 0 has length 0.5;" in done.err and "--normalise" in done.err
    done = crossmodal("index", path, "--kind", "flat", "--normalise", "--out", tmp_path / "out")
    assert done.status == 0, done.err
    scores, positions = open_searcher(tmp_path / "out").search(vectors[:5], 1)
    np.testing.assert_array_equal(positions[:, 0], np.arange(5))
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-3)


def test_from_a_folder_of_pictures_to_an_answer(crossmodal, model, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i, colour in enumerate(("red", "green", "blue", "white", "black")):
        Image.new("RGB", (40, 40 + i), colour).save(pictures / f"{colour}.png")
        (pictures / f"{colour}.txt").write_text(f"all {colour}")
    vectors, out = tmp_path / "vectors", tmp_path / "index"
    assert crossmodal("embed", pictures, "--model", model, "--out", vectors).status == 0
    done = crossmodal("index", vectors, "--kind", "flat", "--out", out)
    assert done.status == 0 and "text queries: recall@10 1.0000" in done.out, done.err
    card = json.loads((out / "card.json").read_text())
    assert card["model"] == md5(model / "open_clip_model.safetensors") and card["items"] == 5
    captions = open_vectors(vectors).captions()
    query = next(captions.blocks(9))[2]
    own = np.concatenate(list(open_vectors(vectors).blocks(2)))
    _, positions = open_searcher(out, "text").search(query[None], 3)
    assert positions[0].tolist() == np.argsort(-(own @ query), kind="stable")[:3].tolist()
    items = pq.read_table(out / "items.parquet").to_pylist()
    assert [item["name"] for item in items] == ["black", "blue", "green", "red", "white"]
    assert items[1]["path"] == str(pictures / "blue.png") and items[1]["caption"] == "all blue"
    done = crossmodal("index", vectors, "--set", "nnn.k=2", "--out", tmp_path / "o")
    assert "need training captions; give their vectors with --captions" in done.err
    corrected = ("--set", "nnn.k=2", "--captions", vectors, "--out", tmp_path / "n")
    done = crossmodal("index", vectors, *corrected)
    assert done.status == 0 and (tmp_path / "n/bias.npy").is_file(), done.err


def test_what_is_wrong_is_one_line_and_leaves_nothing(crossmodal, vectors, npy, tmp_path):
    def fails(path, *arguments, out=tmp_path / "out"):
        before = sorted(tmp_path.iterdir())
        done = crossmodal("index", path, "--out", out, *arguments)
        said = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert done.status == 1 and len(said) == 1 and "Traceback" not in done.err, done.err
        assert sorted(tmp_path.iterdir()) == before
        return said[0]

    assert "no such file or folder" in fails(tmp_path / "nowhere.npy")
    assert "is a file; name a folder" in fails(npy, out=npy)
    assert 'did you mean "ivf_pq"' in fails(npy, "--kind", "ivfpq")
    assert 'did you mean "nlist"' in fails(npy, "--kind", "ivf_pq", "--set", "nlists=4")
    assert "--set nlist: expected KEY=VALUE" in fails(npy, "--set", "nlist")
    assert "nlist is given twice" in fails(npy, "--set", "nlist=4", "--set", "nlist=8")
    assert "refinement was given as a whole before" in fails(
        npy, "--set", "refinement=null", "--set", "refinement.precision=int8"
    )
    lists = ("--kind", "ivf_pq", "--set")
    assert "m=5 must divide the dimension 16" in fails(npy, *lists, "m=5")
    assert "400 training vectors for 500 lists" in fails(npy, *lists, "nlist=500")
    few = written(tmp_path, vectors[:100], "v.fbin")
    assert "100 training vectors for 256 lists or codebook entries" in fails(few, *lists, "nlist=1")

    def changed(row, values):
        bad = vectors.copy()
        bad[row] = values
        np.save(tmp_path / "bad.npy", bad)
        return tmp_path / "bad.npy"

    flat = ("--kind", "flat")
    assert "bad.npy: row 3 holds a NaN" in fails(changed(3, np.nan), *flat)
    assert "bad.npy: row 399 is a zero vector" in fails(changed(-1, 0), *flat, "--normalise")
    np.save(tmp_path / "bad.npy", np.tile(vectors[:1], (SAME, 1)))
    assert f"{SAME} identical vectors" in fails(tmp_path / "bad.npy", *flat)
    twice = tmp_path / "twice.parquet"
    write_embeddings(twice, ["a", "b", "a"], ["a"] * 3, ["a"] * 3, vectors[:3], {"model": "m"})
    assert "id 'a' stands twice" in fails(twice, *flat)
    narrow = written(tmp_path, np.eye(4, dtype=np.float32), "v.hdf5")
    assert "vectors of width 4, but" in fails(npy, *flat, "--queries", narrow)
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    for path, name in ((one, "m1"), (other, "m2")):
        write_embeddings(path, ["a", "b"], ["a"] * 2, ["a"] * 2, vectors[:2], {"model": name})
    assert "embedded with another model than" in fails(one, *flat, "--queries", other)
    fields = [("id", pa.string()), pq.read_schema(one).field("embedding")]
    nameless = [{"id": None, "embedding": [1.0] + [0.0] * 15}]
    pq.write_table(pa.Table.from_pylist(nameless, schema=pa.schema(fields)), other)
    assert "row 0 has no id" in fails(other, *flat)


def test_parameters_without_a_word():
    assert (default_kind(9_999), default_kind(10_000)) == ("flat", "ivf_pq")
    assert index_parameters("flat", [], 512).model_dump()["refinement"] is None
    found = index_parameters("ivf_pq", [], 512)
    assert (found.m, found.nlist, found.refinement.precision) == (64, None, "float16")
    assert [default_m(d) for d in (512, 256, 100, 64, 16, 7, 3)] == [64, 64, 25, 16, 4, 1, 1]
    assert (
        index_parameters("ivf_pq", ["refinement.precision=int8", "nlist=null"], 8).refinement.precision
        == "int8"
    )
    with pytest.raises(UserError, match=r"nlist"):
        index_parameters("ivf_pq", ["nlist=0"], 8)
