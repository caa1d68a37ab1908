"""Each format of vectors against files that others' tools wrote, and the line that says what is wrong with one."""

import shutil
import struct
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from crossmodal.errors import UserError
from crossmodal.models.embeddings import read_embeddings, write_embeddings
from crossmodal.search.formats import clip_retrieval_format, embeddings_format
from crossmodal.search.formats.open_vectors import formats, layouts, load_format, open_queries, open_vectors
from crossmodal.search.formats.shard import Shard
from crossmodal.search.formats.vector_file import ITEMS


def random_vectors(n=23, d=8, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def in_blocks(found, size):
    blocks = list(found.blocks(size))
    assert all(block.dtype == np.float32 and 0 < len(block) <= size for block in blocks)
    return np.concatenate(blocks)


def all_items(found, size=5):
    tables = list(found.items(size))
    assert all(table.schema == ITEMS and len(table) <= size for table in tables)
    return pa.concat_tables(tables).to_pylist()


def write_npy(path, vectors):
    np.save(path, vectors)


def write_fbin(path, vectors):
    rows = [struct.pack("<II", *vectors.shape)]
    rows += [struct.pack(f"<{vectors.shape[1]}f", *row) for row in vectors.tolist()]
    path.write_bytes(b"".join(rows))


def write_hdf5(path, vectors):
    with h5py.File(path, "w") as file:
        file.attrs["distance"] = "angular"
        file["train"], file["test"] = vectors, vectors[:3]
        file["neighbors"], file["distances"] = np.zeros((3, 2), np.int32), np.zeros((3, 2), np.float32)


def write_lists(path, vectors):
    pd.DataFrame({"embedding": list(vectors), "id": [f"i{k}" for k in range(len(vectors))]}).to_parquet(path)


WRITERS = {"v.npy": write_npy, "v.fbin": write_fbin, "v.hdf5": write_hdf5, "v.parquet": write_lists}


@pytest.mark.parametrize("name", WRITERS)
@given(
    vectors=arrays.arrays(np.float32, st.tuples(st.integers(3, 40), st.integers(1, 9)),
                          elements=st.floats(-1, 1, width=32)),
    size=st.integers(1, 50),
)  # fmt: skip
def test_blocks_are_the_rows_that_another_tool_wrote(tmp_path_factory, name, vectors, size):
    path = tmp_path_factory.mktemp("v") / name
    WRITERS[name](path, vectors)
    found = open_vectors(path)
    assert (found.count, found.dimension) == vectors.shape
    np.testing.assert_array_equal(in_blocks(found, size), vectors)
    assert len(all_items(found)) == len(vectors)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions_of_npy(tmp_path, dtype):
    vectors = random_vectors().astype(dtype)
    np.save(tmp_path / "v.npy", vectors)
    np.testing.assert_array_equal(in_blocks(open_vectors(tmp_path / "v.npy"), 4), vectors.astype(np.float32))


def test_rows_without_a_name_are_numbered(tmp_path):
    np.save(tmp_path / "v.npy", random_vectors(7))
    items = all_items(open_vectors(tmp_path / "v.npy"), 3)
    assert [item["id"] for item in items] == [item["name"] for item in items] == list("0123456")
    assert {item["path"] for item in items} == {None}


def test_the_queries_of_a_benchmark_are_its_test_set(tmp_path):
    vectors = random_vectors()
    write_hdf5(tmp_path / "v.hdf5", vectors)
    np.testing.assert_array_equal(in_blocks(open_queries(tmp_path / "v.hdf5"), 2), vectors[:3])
    np.save(tmp_path / "q.npy", vectors)
    assert open_queries(tmp_path / "q.npy").count == len(vectors), "elsewhere they are the vectors"


def test_embeddings_of_a_study(tmp_path):
    vectors, ids = random_vectors(), [f"a/{i}" for i in range(23)]
    write_embeddings(
        tmp_path / "images.parquet", ids, ids, ["x"] * 23, vectors, {"model": "m", "dataset": "d"}
    )
    found = open_vectors(tmp_path / "images.parquet")
    assert found.metadata == {"model": "m", "dataset": "d"}
    np.testing.assert_array_equal(in_blocks(found, 9), vectors.astype(np.float16).astype(np.float32))
    assert all_items(found)[4] == {
        "id": "a/4", "image_id": "a/4", "label": "x", "name": "a/4", "path": None, "caption": None
    }  # fmt: skip
    assert open_vectors(tmp_path).count == 23, "the folder has a file of images"


def shard(number, n=5, captions=(2, 1, 1, 3, 1), shards=2):
    owners = [row for row, k in enumerate(captions) for _ in range(k)]
    ids = [f"s{number}/{i}" for i in range(n)]
    return Shard(
        number, shards, ids, [f"label {i}" for i in range(n)], [f"name {i}" for i in range(n)],
        [f"/p/{i}.png" for i in range(n)], random_vectors(n, seed=number), owners,
        [f"text {k}" for k in range(len(owners))], random_vectors(len(owners), seed=number + 50),
    )  # fmt: skip


def test_our_layout_is_read_by_us_and_by_a_study(tmp_path):
    shards = [shard(0), shard(1)]
    for one in shards:
        embeddings_format.write_shard(tmp_path, one, {"model": "m"})
    found = open_vectors(tmp_path)
    half = np.concatenate([one.images for one in shards]).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(in_blocks(found, 3), half)
    assert found.metadata == {"model": "m"}
    assert all_items(found)[8] == {
        "id": "s1/3", "image_id": "s1/3", "label": "label 3", "name": "name 3", "path": "/p/3.png",
        "caption": "text 4",
    }  # fmt: skip
    asked = open_queries(tmp_path)
    assert asked.count == 16 and all_items(asked)[1]["id"] == "s0/0#1"
    study = read_embeddings(tmp_path / "captions-00001.parquet")
    assert study.ids[4:7] == ["s1/3#0", "s1/3#1", "s1/3#2"] and study.image_ids[6] == "s1/3"
    assert study.labels[6] == "label 3" and study.metadata == {"model": "m"}
    np.testing.assert_allclose(study.vectors, shards[1].captions, atol=1e-3)


def test_the_layout_of_clip_retrieval(tmp_path):
    """What its readers do: files in the order of their names, numpy and pandas, row by row."""
    shards = [shard(number, shards=11) for number in range(11)]
    for one in shards:
        clip_retrieval_format.write_shard(tmp_path, one, {})
    names = [f"{i:02d}" for i in range(11)]
    for part in ("img_emb", "text_emb"):
        assert sorted(p.name for p in (tmp_path / part).iterdir()) == [f"{part}_{n}.npy" for n in names]
    images = np.concatenate([np.load(p) for p in sorted((tmp_path / "img_emb").glob("*.npy"))])
    texts = np.concatenate([np.load(p) for p in sorted((tmp_path / "text_emb").glob("*.npy"))])
    table = pd.concat([pd.read_parquet(p) for p in sorted((tmp_path / "metadata").glob("*.parquet"))])
    assert images.dtype == texts.dtype == np.float16 and len(images) == len(texts) == len(table) == 55
    np.testing.assert_array_equal(texts[5:10], shards[1].captions[[0, 2, 3, 4, 7]].astype(np.float16))
    assert table.caption.iloc[8] == "text 4" and table.image_path.iloc[8] == "/p/3.png"
    found = open_vectors(tmp_path)
    np.testing.assert_array_equal(in_blocks(found, 7), images.astype(np.float32))
    np.testing.assert_array_equal(in_blocks(open_queries(tmp_path), 7), texts.astype(np.float32))
    assert all_items(found, 4)[8] == {
        "id": "8", "image_id": "8", "label": "8", "name": "3.png", "path": "/p/3.png", "caption": "text 4"
    }  # fmt: skip


def test_clip_retrieval_without_captions(tmp_path):
    bare = shard(0, captions=(0,) * 5, shards=1)
    clip_retrieval_format.write_shard(tmp_path, bare, {})
    assert not (tmp_path / "text_emb").exists() and (tmp_path / "img_emb/img_emb_0.npy").is_file()
    assert open_vectors(tmp_path).captions is None


def test_every_format_says_what_it_is():
    assert formats() == ("clip_retrieval", "embeddings", "fbin", "hdf5", "npy")
    assert all(load_format(name).DESCRIPTION for name in formats())
    assert layouts() == {"clip-retrieval": "clip_retrieval", "embeddings": "embeddings"}


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("left", [0, 5, 300])
def test_a_truncated_file_is_one_line(tmp_path, name, left):
    path = tmp_path / name
    WRITERS[name](path, random_vectors(200, 16))
    cut(path, left)
    with pytest.raises(UserError, match=name.replace(".", r"\.")) as raised:
        in_blocks(open_vectors(path), 10)
    assert "\n" not in str(raised.value)


def wrong(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    with pytest.raises(UserError) as raised:
        in_blocks(open_vectors(path), 10)
    return str(raised.value)


def test_what_is_wrong_is_said(tmp_path):
    assert "no such file or folder" in str(wrong_path(tmp_path / "nowhere.npy"))
    (tmp_path / "v.csv").write_text("1,2")
    assert "of no known format; there are: clip_retrieval (clip-retrieval's" in wrong_path(tmp_path / "v.csv")
    assert "shape (3,)" in wrong(tmp_path, "a.npy", lambda p: np.save(p, np.ones(3)))
    assert "holds int64; vectors are float16" in wrong(
        tmp_path, "b.npy", lambda p: np.save(p, np.ones((3, 2), int))
    )
    assert "holds no vectors" in wrong(tmp_path, "c.npy", lambda p: np.save(p, np.ones((0, 2))))
    pickled = np.array([{}], dtype=object)
    assert "not a whole .npy" in wrong(tmp_path, "d.npy", lambda p: np.save(p, pickled, allow_pickle=True))
    long = struct.pack("<II", 2, 2) + bytes(20)
    assert "28 bytes, but its header says 2 vectors of 2 float32, which are 24" in wrong(
        tmp_path, "a.fbin", lambda p: p.write_bytes(long)
    )
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["base"] = np.ones((2, 2))
    assert "no data set 'train' (has base)" in wrong_path(tmp_path / "a.h5")

    def table(**columns):
        return lambda path: pq.write_table(pa.table(columns), path)

    assert "no column 'embedding' (has id)" in wrong(tmp_path, "a.parquet", table(id=["a"]))
    assert "holds int64; it must be a list" in wrong(tmp_path, "b.parquet", table(embedding=[1]))
    assert "row 2 has a vector of 1 values; every row must have 2" in wrong(
        tmp_path, "c.parquet", table(embedding=[[1.0, 2.0], [2.0, 1.0], [1.0]])
    )
    assert "row 1 has no vector" in wrong(tmp_path, "d.parquet", table(embedding=[[1.0, 2.0], None]))
    assert "are null" in wrong(tmp_path, "e.parquet", table(embedding=[[1.0, None]]))
    assert "holds no vectors" in wrong(
        tmp_path, "f.parquet", table(embedding=pa.array([], pa.list_(pa.float32(), 4)))
    )


def wrong_path(path):
    with pytest.raises(UserError) as raised:
        open_vectors(path)
    return str(raised.value)


def test_parts_that_do_not_belong_together(tmp_path):
    for name, width, model in (("a", 4, "m"), ("b", 5, "m"), ("c", 4, "other")):
        ids = ["1", "2"]
        write_embeddings(
            tmp_path / f"{name}.parquet", ids, ids, ids, random_vectors(2, width), {"model": model}
        )
    for other, said in (("b", "width 5, but images-00000.parquet has 4"), ("c", "another model")):
        folder = tmp_path / f"with-{other}"
        folder.mkdir()
        shutil.copy(tmp_path / "a.parquet", folder / "images-00000.parquet")
        shutil.copy(tmp_path / f"{other}.parquet", folder / "images-00001.parquet")
        assert said in wrong_path(folder)


def test_metadata_of_other_rows(tmp_path):
    clip_retrieval_format.write_shard(tmp_path, shard(0, shards=1), {})
    pq.write_table(pa.table({"image_path": ["a"]}), tmp_path / "metadata/metadata_0.parquet")
    assert "5 vectors in img_emb, but metadata of 1" in wrong_path(tmp_path)
