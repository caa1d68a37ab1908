"""Tokens in eight bits come back as they were, galleries in their order, and broken files are one line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file

from crossmodal.errors import UserError
from crossmodal.reranking import token_files
from crossmodal.reranking.token_files import (
    check_gallery_patches,
    open_patches,
    quantise,
    read_words,
    restore,
    write_gallery_patches,
    write_patches,
    write_words,
)  # fmt: skip

NUMBERS = st.floats(-1e4, 1e4, width=32)


@given(arrays.arrays(np.float32, st.tuples(*[st.integers(1, 4)] * 3), elements=NUMBERS))
def test_eight_bits_keep_each_number_to_half_a_step(tokens: np.ndarray) -> None:
    codes = quantise(tokens, [str(i) for i in range(len(tokens))])
    largest = np.abs(tokens).max(axis=2, keepdims=True)
    bound = largest / 254 + np.abs(tokens) / 1024 + 1e-5  # the last: scales that half precision holds as 0
    assert (np.abs(restore(codes) - tokens) <= bound).all()


@pytest.fixture
def sets(tmp_path: Path) -> tuple[list[Path], list[list[str]], list[np.ndarray]]:
    """Three sets of tokens: files, ids, tokens; two share an id."""
    rng = np.random.default_rng(0)
    ids = [[f"{name}/{i}" for i in range(n)] for name, n in (("a", 5), ("b", 7), ("a", 3))]
    tokens = [rng.normal(size=(len(own), 4, 8)).astype(np.float32) for own in ids]
    files = [tmp_path / f"{i}.npy" for i in range(3)]
    for file, own, one in zip(files, ids, tokens, strict=True):
        write_patches(file, quantise(one, own))
    return files, ids, tokens


def test_a_gallery_is_put_together_by_ids_and_sets(sets, tmp_path, monkeypatch):
    files, ids, tokens = sets
    chosen = [(0, 4), (0, 0), (1, 6), (1, 2), (2, 0), (2, 2)]
    names, origins = [ids[o][i] for o, i in chosen], np.array([o for o, _ in chosen])
    path = tmp_path / "gallery.npy"
    write_gallery_patches(path, files, names, origins)
    codes = open_patches(path)
    assert isinstance(codes, np.memmap)
    expected = np.stack([tokens[o][i] for o, i in chosen])
    np.testing.assert_allclose(restore(codes[np.arange(6)]), expected, atol=0.03)
    check_gallery_patches(path, codes, names)
    whole = path.read_bytes()
    monkeypatch.setattr(token_files, "BLOCK", 4)
    write_gallery_patches(path, files, names, origins)
    assert path.read_bytes() == whole
    with pytest.raises(UserError, match=r"row 0 is not of a/0"):
        check_gallery_patches(path, codes, [names[1], names[0], *names[2:]])
    with pytest.raises(UserError, match="tokens of 6 images for a gallery of 5"):
        check_gallery_patches(path, codes, names[:5])


def test_an_image_or_a_set_that_is_not_there_is_one_line(sets, tmp_path):
    files = sets[0]
    path = tmp_path / "gallery.npy"
    with pytest.raises(UserError, match=r"1\.npy: has no tokens of a/1 \(1 images lack\)"):
        write_gallery_patches(path, files, ["a/1", "a/1"], np.array([0, 1]))
    with pytest.raises(UserError, match="a gallery of 4 sets needs as many patches; got 3"):
        write_gallery_patches(path, files, ["a/1"], np.array([3]))
    write_patches(files[1], quantise(np.zeros((1, 2, 8), np.float32), ["b/0"]))
    with pytest.raises(UserError, match="tokens of 2 shapes"):
        write_gallery_patches(path, files, ["a/1"], np.array([0]))
    assert not path.exists()


def test_an_empty_set_has_no_tokens_and_is_no_error(tmp_path):
    write_patches(tmp_path / "none.npy", quantise(np.zeros((0, 4, 8), np.float32), []))
    assert len(open_patches(tmp_path / "none.npy")) == 0
    with pytest.raises(UserError, match="has no tokens of a"):
        write_gallery_patches(tmp_path / "g.npy", [tmp_path / "none.npy"], ["a"], np.array([0]))


def test_an_image_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="twice"):
        write_patches(tmp_path / "p.npy", quantise(np.zeros((2, 1, 1), np.float32), ["a", "a"]))


@given(st.lists(st.integers(0, 6), max_size=8))
def test_words_come_back_caption_by_caption(lengths: list[int]) -> None:
    import tempfile

    rng = np.random.default_rng(len(lengths))
    captions = [rng.normal(size=(n, 3)).astype(np.float16) for n in lengths]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "words.safetensors"
        write_words(path, captions, 3)
        words = read_words(path)
    assert len(words) == len(lengths) and words.dimension == 3
    rows = np.arange(len(lengths))[::-1]
    states, counts = words.rows(rows)
    for row, own, present in zip(rows, states, counts, strict=True):
        np.testing.assert_array_equal(own[present], captions[row].astype(np.float32))
        assert not own[~present].any() and present.sum() == lengths[row]


def _broken_patches(path: Path, how: str) -> None:
    if how == "vectors":
        np.save(path, np.zeros((3, 4), np.float16))
    elif how == "truncated":
        write_patches(path, quantise(np.ones((50, 4, 8), np.float32), [str(i) for i in range(50)]))
        path.write_bytes(path.read_bytes()[:-10])
    elif how == "text":
        path.write_text("tokens")
    elif how == "pickle":
        np.save(path, np.array([{}]), allow_pickle=True)
    elif how == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["missing", "vectors", "truncated", "text", "pickle", "empty"])
def test_broken_patches_are_one_line(tmp_path, how):
    path = tmp_path / "patches.npy"
    _broken_patches(path, how)
    with pytest.raises(UserError, match=r"patches\.npy: ") as error:
        open_patches(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", ["missing", "no safetensors", "other tensors", "offsets", "falling", "type"])
def test_broken_words_are_one_line(tmp_path, how):
    path = tmp_path / "words.safetensors"
    states = np.zeros((4, 2), np.float16)
    if how == "no safetensors":
        path.write_bytes(b"no")
    elif how == "other tensors":
        save_file({"x": states}, path)
    elif how != "missing":
        wrong = {"offsets": [0, 2, 5], "falling": [0, 3, 2, 4], "type": [0, 4]}[how]
        given = states.astype(np.float32) if how == "type" else states
        save_file({"states": given, "offsets": np.array(wrong)}, path)
    with pytest.raises(UserError, match=r"words\.safetensors: ") as error:
        read_words(path)
    assert "\n" not in str(error.value)
