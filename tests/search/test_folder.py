"""An index folder is whole or not there, and what is read from it is what was written."""

import json
import shutil

import numpy as np
import pytest

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.folder import Items, read_card, read_items, write_folder
from crossmodal.search.points import Point
from crossmodal.search.searcher import open_searcher
from crossmodal.search.store import store_of

N, D = 300, 16
IVF_PQ = {"kind": "ivf_pq", "nlist": 8, "m": 8, "bits": 6, "refinement": {"precision": "int8"}}
FILES = {"index.faiss", "card.json", "points.json", "items.parquet", "vectors.npy", "vectors.scales.npy"}


def items(count):
    ids = [f"i{i}" for i in range(count)]
    return Items(
        ids,
        ids,
        ["l"] * count,
        [f"name of {i}" for i in ids],
        [None] * count,
        ["a cap", *[None] * (count - 1)],
    )


@pytest.fixture
def write(unit, tmp_path):
    """Return a function that writes a folder and gives it."""

    def written(values=IVF_PQ, name="folder", vectors=None, listed=None, **changes):
        vectors = unit(N, D) if vectors is None else vectors
        given = {
            "model": "abc", "target": 0.9, "captions": unit(50, D, 5), "bank": unit(50, D, 5),
            "validation": {"text": unit(40, D, 1), "image": vectors[:40]},
        } | changes  # fmt: skip
        params = registry.parse("search", values)
        write_folder(tmp_path / name, store_of(vectors), listed or items(len(vectors)), params, 0, **given)
        return tmp_path / name

    return written


def test_what_was_written_is_read(write, unit):
    folder = write()
    assert {path.name for path in folder.iterdir()} == FILES
    card, points = read_card(folder), json.loads((folder / "points.json").read_text())
    assert card["model"] == "abc" and card["items"] == N and card["trained_on"] == {"vectors": N, "seed": 0}
    assert read_items(folder) == items(N)
    for side in ("text", "image"):
        searcher = open_searcher(folder, side)
        assert searcher.point == Point(**points[side]["point"])
        assert points[side]["reached"] and points[side]["recall"] >= 0.9 == points[side]["target"]
        asked = {"text": unit(40, D, 1), "image": unit(N, D)[:40]}[side]
        found = searcher.search(asked, 10)[1]
        exact = exhaustive(store_of(unit(N, D)), asked, 10)[1]
        recall = np.mean(
            [len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
        )
        assert recall == pytest.approx(points[side]["recall"])


def test_the_same_input_gives_the_same_folder(write):
    first, second = write(name="a"), write(name="b")
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize(
    "values", [{"kind": "flat"}, {"kind": "hnsw", "links": 8}, IVF_PQ | {"nnn": {"k": 5}}]
)
def test_other_kinds_are_folders_too(write, unit, values):
    folder = write(values)
    searcher = open_searcher(folder)
    assert (searcher.store is None) == ("refinement" not in values)
    assert (folder / "bias.npy").exists() == ("nnn" in values) == (searcher.bias is not None)
    assert searcher.search(unit(3, D), 5)[1].shape == (3, 5)


def test_a_side_without_queries_is_searched_like_the_other(write):
    folder = write(validation={"image": store_of(np.eye(D, dtype=np.float32)).rows(np.arange(4))})
    assert open_searcher(folder, "text").point == open_searcher(folder, "image").point


def test_nothing_is_left_of_what_cannot_be_built(write, unit, tmp_path):
    nan = unit(N, D)
    nan[7, 3] = np.nan
    same = np.concatenate([unit(20, D), np.repeat(unit(1, D), 1000, axis=0)])
    twice = items(N)
    twice.ids[9] = "i3"
    bad = [
        ({"vectors": nan}, "row 7 holds a NaN"),
        ({"vectors": same}, "1001 identical vectors"),
        ({"vectors": np.empty((0, D), np.float32)}, "is empty"),
        ({"listed": twice}, 'id "i3" is there 2 times'),
        ({"values": IVF_PQ | {"nlist": N + 1}}, f"{N} training vectors for {N + 1} lists"),
        ({"values": IVF_PQ | {"m": 7}}, "m=7 must divide the dimension 16"),
        ({"values": IVF_PQ | {"nnn": {}}, "bank": None}, "nnn needs training captions"),
        (
            {"values": IVF_PQ | {"caption_share": 0.5}, "captions": None},
            "caption_share needs training captions",
        ),
    ]
    for changes, said in bad:
        with pytest.raises(UserError, match=said):
            write(**changes)
        assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_not_overwritten(write, tmp_path):
    (tmp_path / "folder").mkdir()
    write()
    with pytest.raises(UserError, match="is there already"):
        write()


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("share", [None, 0, 0.5, 0.98])
def test_a_truncated_or_missing_file_is_a_user_error(write, name, share):
    path = write() / name
    data = path.read_bytes()
    path.unlink() if share is None else path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=path.name.split(".")[0]):
        open_searcher(path.parent)
        read_items(path.parent)


def test_files_of_different_indexes_do_not_go_together(write, unit):
    large, small = write(name="large"), write(name="small", vectors=unit(N - 1, D))
    shutil.copy(small / "vectors.npy", large)
    shutil.copy(small / "vectors.scales.npy", large)
    with pytest.raises(UserError, match=f"its vectors has {N - 1} items, its card {N}"):
        open_searcher(large)
