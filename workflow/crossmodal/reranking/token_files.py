"""Compressed tokens of images on disk, int8, and token states of captions.

`patches` are one .npy file: a structured array, a row an image, that holds the image's key, the scale of each
token and the tokens. It is read memory-mapped, and a candidate's tokens lie together. A dataset's file has the
dataset's rows; a gallery's (`write_gallery_patches`) the gallery's, so that a stage needs positions alone.
`words` are one safetensors file: `states` float16 [t, d], the states of all captions one after the other, and
`offsets` int64 [n + 1], where each caption's begin.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from crossmodal.errors import UserError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[Any]
"""Structured [n]: `key` uint64, `scales` float16 [p], `tokens` int8 [p, c]."""
MOST = 127
BLOCK = 65_536  # images whose tokens are copied at once: 18 MB of 4 x 64
CHECKED = 1000  # images of a gallery whose keys are compared: a wrong file differs in nearly all


def key_of(image_id: str) -> int:
    """Return 64 bits that stand for an image in files of tokens."""
    return int.from_bytes(blake2b(image_id.encode(), digest_size=8).digest(), "little")


def row_type(count: int, width: int) -> np.dtype[Any]:
    """Return the type of a row with `count` tokens of `width` numbers: 8 + 2 count + count x width bytes."""
    return np.dtype([("key", "<u8"), ("scales", "<f2", (count,)), ("tokens", "i1", (count, width))])


def quantise(tokens: Floats, image_ids: Sequence[str]) -> Codes:
    """Return `tokens` [n, p, c] in eight bits a number: each token times its own scale, its largest number at 127.

    The error of a number is at most half a step, 1/254 of the token's largest number, and what half precision of
    the scale adds (1/2048 of the number).
    """
    n, count, width = tokens.shape
    codes = np.zeros(n, dtype=row_type(count, width))
    codes["key"] = [key_of(image_id) for image_id in image_ids]
    scales = np.abs(tokens).max(axis=2, initial=0.0) / MOST
    codes["scales"] = np.minimum(scales, np.finfo(np.float16).max)
    held = codes["scales"].astype(np.float32)
    steps = np.divide(tokens, held[:, :, None], out=np.zeros_like(tokens), where=held[:, :, None] > 0)
    codes["tokens"] = np.clip(np.rint(steps), -MOST, MOST)
    return codes


def restore(codes: Codes) -> Floats:
    """Return the tokens float32 [..., p, c] that `codes` stand for."""
    restored: Floats = codes["tokens"].astype(np.float32)
    restored *= codes["scales"][..., None]
    return restored


def write_patches(path: Path, codes: Codes) -> None:
    """Write `codes` as a .npy file; ValueError where an image stands twice or two share a key."""
    if len(np.unique(codes["key"])) != len(codes):
        raise ValueError("an image stands twice among the tokens")
    with path.open("wb") as file:
        np.save(file, codes, allow_pickle=False)


def open_patches(path: Path) -> Codes:
    """Return the patches at `path`, memory-mapped; UserError where it is no such file or a part is missing."""
    try:
        codes: Codes = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of image tokens") from None
    except (ValueError, OSError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable file of image tokens ({reason})") from None
    shape = codes.dtype["tokens"].shape if codes.dtype.names == ("key", "scales", "tokens") else ()
    if codes.ndim != 1 or len(shape) != 2 or codes.dtype != row_type(*shape):
        raise UserError(
            f"{path}: holds no image tokens but {codes.dtype} {list(codes.shape)}; give it `patches`"
        )
    return codes


def write_gallery_patches(path: Path, files: Sequence[Path], ids: Sequence[str], origins: Rows) -> None:
    """Write the patches of a gallery in its order: image i is looked up by its id in `files[origins[i]]`.

    `files` are the patches of the sets that the gallery was put together from, in that order. Raises UserError
    where a set lacks an image or two sets have tokens of different shapes.
    """
    sources = [open_patches(file) for file in files]
    if len(kinds := {source.dtype for source in sources}) > 1:
        raise UserError(f"{files[0]}: tokens of {len(kinds)} shapes in one gallery; compress all sets alike")
    if len(origins) and int(origins.max()) >= len(sources):
        raise UserError(
            f"a gallery of {int(origins.max()) + 1} sets needs as many patches; got {len(sources)}"
        )
    if not len(ids):
        raise UserError(f"{path}: a gallery without images has no tokens to write")
    keys = np.fromiter(map(key_of, ids), dtype=np.uint64, count=len(ids))
    rows = np.zeros(len(ids), dtype=np.int64)
    for origin, source in enumerate(sources):
        own = np.flatnonzero(origins == origin)
        known = np.array(source["key"])
        order = np.argsort(known)
        places = np.minimum(np.searchsorted(known, keys[own], sorter=order), max(len(known) - 1, 0))
        rows[own] = order[places] if len(known) else -1
        missing = own[known[rows[own]] != keys[own]] if len(known) else own
        if len(missing):
            raise UserError(
                f"{files[origin]}: has no tokens of {ids[missing[0]]} ({len(missing)} images lack)"
            )
    codes = np.lib.format.open_memmap(path, mode="w+", dtype=sources[0].dtype, shape=(len(ids),))
    for start in range(0, len(ids), BLOCK):  # so that memory does not grow with the gallery
        block = slice(start, start + BLOCK)
        for origin, source in enumerate(sources):
            own = start + np.flatnonzero(origins[block] == origin)
            codes[own] = source[rows[own]]
    codes.flush()


def check_gallery_patches(path: Path, codes: Codes, ids: Sequence[str]) -> None:
    """Raise UserError unless `codes`, the file at `path`, are of the gallery's images in its order."""
    if len(codes) != len(ids):
        raise UserError(f"{path}: tokens of {len(codes)} images for a gallery of {len(ids)}")
    for row in np.unique(np.linspace(0, len(ids) - 1, min(CHECKED, len(ids))).astype(np.int64)).tolist():
        if int(codes["key"][row]) != key_of(ids[row]):
            raise UserError(f"{path}: row {row} is not of {ids[row]}, the gallery's image there")


class Words:
    """The token states of a set's captions, in the order of its captions."""

    def __init__(self, states: npt.NDArray[np.float16], offsets: Rows) -> None:
        self._states, self._offsets = states, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def dimension(self) -> int:
        """The width of a state."""
        return int(self._states.shape[1])

    def rows(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the states float32 [b, l, d] of the captions `rows` [b] and which count, bool [b, l].

        l is the longest of them; what does not count is zero.
        """
        starts, lengths = self._offsets[rows], self._offsets[rows + 1] - self._offsets[rows]
        position = np.arange(max(1, int(lengths.max(initial=0))))
        counts = position < lengths[:, None]
        places = np.where(counts, starts[:, None] + position, 0)
        if not len(self._states):
            return np.zeros((*places.shape, self.dimension), dtype=np.float32), counts
        states: Floats = self._states[places].astype(np.float32)
        states[~counts] = 0
        return states, counts


def write_words(path: Path, captions: Iterable[Floats], dimension: int) -> None:
    """Write the states of captions, float [l, d] each, in their order."""
    parts = [np.asarray(caption, dtype=np.float16) for caption in captions]
    lengths = [len(part) for part in parts]
    states = np.concatenate(parts) if parts else np.zeros((0, dimension), dtype=np.float16)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    save_file({"states": np.ascontiguousarray(states), "offsets": offsets}, path)


def read_words(path: Path) -> Words:
    """Return the token states at `path`; UserError where it is no such file."""
    try:
        tensors = load_file(path)
        states, offsets = tensors["states"], tensors["offsets"]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file of token states") from None
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable file of token states ({reason})") from None
    whole = states.ndim == 2 and states.dtype == np.float16 and offsets.ndim == 1 and len(offsets) > 0
    if not whole or offsets[0] != 0 or offsets[-1] != len(states) or (np.diff(offsets) < 0).any():
        raise UserError(
            f"{path}: not a file of token states (offsets and states differ); remove it and run again"
        )
    return Words(states, offsets.astype(np.int64))
