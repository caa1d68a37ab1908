"""Samples in tar files, as img2dataset writes them."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.data.built import Reject
from crossmodal.data.tar_samples import Sample, samples
from crossmodal.errors import UserError
from dataset_files import Item, read, sample, shard
from picture_files import photo

PHOTO = photo()


def params(*shards: str | Path, **values: Any) -> dict[str, Any]:
    shares = {"train": 1.0, "val": 0.0, "test": 0.0}
    return {"kind": "webdataset", "shards": [str(path) for path in shards], "split": shares, **values}


def members(key: str, text: str = "a thing", **known: Any) -> list[tuple[str, bytes]]:
    return [
        (f"{key}.jpg", PHOTO),
        (f"{key}.json", json.dumps({"caption": text, "key": key, "status": "success", **known}).encode()),
        (f"{key}.txt", text.encode()),
    ]


def keys(found: dict[str, list[Any]]) -> list[str]:
    return [example.image_id for example in found["train"]]


def test_shards_of_img2dataset_by_braces(tmp_path: Path) -> None:
    for number in range(3):
        own = [f"{number:05}{i:04}" for i in range(2)]
        shard(tmp_path / f"{number:05}.tar", [part for key in own for part in members(key, f"text {key}")])
    parts, rejects = read(params(tmp_path / "{00000..00001}.tar"))
    assert keys(parts) == ["000000000", "000000001", "000010000", "000010001"]
    assert parts["train"][2].captions == ["text 000010000"] and rejects == {}
    parts, _ = read(params(tmp_path / "*.tar"))
    assert len(parts["train"]) == 6
    both = {"train": [str(tmp_path / "0000[01].tar")], "test": [str(tmp_path / "00002.tar")]}
    parts, _ = read({"kind": "webdataset", "shards": both})
    assert [len(parts[split]) for split in ("train", "val", "test")] == [4, 0, 2]


def test_captions_labels_and_groups_are_members_or_keys(tmp_path: Path) -> None:
    one = [*members("one", "first\nsecond", alt=["third", "fourth"], country="PT"), ("one.cls", b"7\n")]
    path = shard(tmp_path / "a.tar", one)
    names = {"captions": [".txt", "alt"], "label": ".cls", "group": "country", "classes": {"7": "cat"}}
    (example,) = read(params(path, **names))[0]["train"]
    assert example.captions == ["first second", "third", "fourth"]
    assert (example.label, example.group) == ("cat", "PT")
    by_line = {"caption_per_line": True, "label": "status", "templates": ["a {}"]}
    (example,) = read(params(path, **by_line))[0]["train"]
    assert (example.captions, example.label) == (["first", "second", "a success"], "success")


def test_a_name_that_no_sample_has_is_one_line(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", members("one"))
    for key, name in (
        ("captions", [".text"]),
        ("captions", ["captoin"]),
        ("label", ".cls"),
        ("group", "country"),
    ):
        with pytest.raises(
            UserError, match=rf"^{key}: no sample has .*there are: .*\.jpg, \.json, \.txt"
        ) as error:
            read(params(path, **{key: name}))
        assert "\n" not in str(error.value)


def test_broken_samples_are_rejected_and_the_others_kept(tmp_path: Path) -> None:
    bad: dict[str, list[tuple[str, bytes]]] = {
        "no-image": [("no-image.txt", b"x")],
        "no-text": [("no-text.jpg", PHOTO)],
        "not-utf8": [("not-utf8.jpg", PHOTO), ("not-utf8.txt", b"caf\xe9")],
        "twice": [("twice.jpg", PHOTO), ("twice.JPG", PHOTO), ("twice.txt", b"x")],
        "pickled": [
            ("pickled.jpg", PHOTO),
            ("pickled.pkl", b"cos\nsystem\n(S'true'\ntR."),
            ("pickled.txt", b"x"),
        ],
        "../away": [("../away.jpg", PHOTO), ("../away.txt", b"x")],
        "/etc/away": [("/etc/away.jpg", PHOTO), ("/etc/away.txt", b"x")],
    }
    every = [*members("first"), *(part for own in bad.values() for part in own), *members("last")]
    every += [("._last.jpg", b"of macOS"), (".DS_Store", b"x")]
    parts, rejects = read(params(shard(tmp_path / "a.tar", every), captions=[".txt"]))
    assert keys(parts) == ["first", "last"]
    assert rejects == {
        "no-image": "no image in the sample, only .txt",
        "no-text": "no caption",
        "not-utf8": ".txt is not UTF-8",
        "twice": "two members .jpg in one sample",
        "pickled": "member .pkl is a pickle, which can run code and is not read",
        "../away": "file name leaves the image folder",
        "/etc/away": "file name leaves the image folder",
    }


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"[" * 99_999])
def test_broken_json_is_rejected(content: bytes, tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", [*members("good"), ("bad.jpg", PHOTO), ("bad.json", content)])
    parts, rejects = read(params(path, captions=["caption"]))
    assert keys(parts) == ["good"]
    assert rejects["bad"] in (".json is not JSON", ".json is not an object")


def test_links_and_devices_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("hard", tarfile.LNKTYPE), ("soft", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"{name}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name, data in members("good"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    parts, rejects = read(params(path))
    assert keys(parts) == ["good"]
    assert set(rejects.values()) == {"member .jpg is a link or a device, not a file"} and len(rejects) == 3


def test_names_in_every_alphabet_and_very_long_ones(tmp_path: Path) -> None:
    names = ["été/01", "x" * 300, "写真.v2[1]"]
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (part for key in names for part in members(key)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    parts, rejects = read(params(path))
    assert keys(parts) == names and rejects == {}


def test_a_shard_that_breaks_off_keeps_what_was_read(tmp_path: Path) -> None:
    whole = shard(
        tmp_path / "00000.tar", [part for i in range(4) for part in members(f"{i:09}")]
    ).read_bytes()
    with tarfile.open(tmp_path / "00000.tar") as archive:
        third = archive.getmember("000000002.jpg")
    other = shard(tmp_path / "00001.tar", members("000010000"))
    cut = tmp_path / "00000.tar"
    for content, count, reason in (
        (whole[: third.offset_data + 100], 2, "unexpected end of data"),
        (whole[: third.offset + 100], 1, "the file ends early"),
        (whole[: third.offset], 1, "the file ends early"),
        (whole[: third.offset + 5] + b"XXXX" + whole[third.offset + 9 :], 1, "damaged header at byte"),
    ):
        cut.write_bytes(content)
        parts, rejects = read(params(cut, other))
        # The sample before a break may have had more members: it is kept where the next one has begun.
        assert keys(parts) == [f"{i:09}" for i in range(count)] + ["000010000"]
        assert list(rejects) == [str(cut)]
        assert reason in rejects[str(cut)] and "the rest is not read" in rejects[str(cut)]


@given(st.integers(min_value=1, max_value=20_000))
@settings(max_examples=60)
def test_wherever_a_shard_is_cut_no_sample_is_read_in_part(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = shard(folder / "a.tar", [part for i in range(4) for part in members(f"k{i}", f"text {i}")])
    whole = path.read_bytes()
    content = whole[: min(cut, len(whole) - 1)]
    path.write_bytes(content)
    try:
        found = list(_contents(path))
    except UserError as error:
        assert cut < tarfile.BLOCKSIZE and "not a tar file" in str(error)
        return
    kept = [one for one in found if not isinstance(one, Reject)]
    assert kept == [(f"k{i}", PHOTO, f"text {i}".encode()) for i in range(len(kept))]
    ends = content.endswith(tarfile.NUL * tarfile.BLOCKSIZE) and len(kept) == 4
    assert ends or isinstance(found[-1], Reject), "what is missing is said"


def _contents(path: Path) -> Any:
    for one in samples(path):
        yield (one.key, one.read(".jpg"), one.read(".txt")) if isinstance(one, Sample) else one


KEYS = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=20,
).filter(lambda name: not name.startswith(".") and name.strip())


@given(st.lists(KEYS, min_size=1, max_size=5, unique=True))
@settings(max_examples=60)
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("names") / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (part for key in names for part in members(key)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert [one.key for one in samples(path) if isinstance(one, Sample)] == names


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>Not found</html>" * 100, "not a tar file"),
        (gzip.compress(b"x" * 10_000, mtime=0), "compressed with gzip; shards are read uncompressed"),
    ],
    ids=["empty", "page", "compressed"],
)
def test_a_file_that_is_no_tar_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    good, bad = shard(tmp_path / "0.tar", members("a")), tmp_path / "1.tar"
    bad.write_bytes(content)
    with pytest.raises(UserError, match=rf"1\.tar: .*{reason}") as error:
        read(params(good, bad))
    assert "\n" not in str(error.value)


def test_no_shard_and_a_shard_in_two_splits_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^shards: no file matches"):
        read(params(tmp_path / "*.tar"))
    path = str(shard(tmp_path / "0.tar", sample(Item("a.jpg", PHOTO))))
    with pytest.raises(UserError, match=r"0\.tar is named in two splits"):
        read({"kind": "webdataset", "shards": {"train": [path], "test": [path]}})


def test_an_empty_shard_is_none(tmp_path: Path) -> None:
    parts, rejects = read(params(shard(tmp_path / "0.tar", []), shard(tmp_path / "1.tar", members("a"))))
    assert keys(parts) == ["a"] and rejects == {}
