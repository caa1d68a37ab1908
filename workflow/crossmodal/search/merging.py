"""Merging the parts of an index that were filled apart, list by list, so that no part is ever held whole."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np

from crossmodal.errors import UserError
from crossmodal.progress import progress
from crossmodal.search.build import write_index
from crossmodal.search.searcher import read_index

EMPTY = struct.Struct("<4sQQ4sQ")
"""How FAISS ends the file of an empty index: the kind of lists, their number, bytes of a code, no sizes."""


def merge_indexes(trained: Path, parts: Sequence[Path], out: Path) -> None:
    """Write to `out` the index whose items are those of `parts`, in this order, numbered from 0.

    `parts` are copies of the empty index `trained` that were filled apart (`fill_index`). Inverted lists are
    copied one after another from memory-mapped parts: memory is that of the centroids and of one list. Fast-scan
    codes, which stand in blocks of 32 across items, and flat codes are merged in memory: that of the result.
    Raises UserError for a graph, which cannot be merged, for parts of another index, and for a broken file;
    `out` appears when it is complete.
    """
    whole = read_index(trained, mapped=False)
    if whole.ntotal:
        raise UserError(
            f"{trained}: holds {whole.ntotal} items; merging starts from the trained, empty index"
        )
    inner = faiss.downcast_index(whole)
    if isinstance(inner, faiss.IndexHNSW):
        raise UserError(f"{trained}: a graph cannot be merged from parts: build it at once")
    lists = _lists(whole)
    if lists is None or not isinstance(lists, faiss.ArrayInvertedLists):
        _merge_in_memory(whole, parts)
        write_index(whole, out)
        return
    opened = [_opened(path, whole) for path in parts]
    partial = out.with_name(out.name + ".partial")
    try:
        _write_merged(whole, opened, partial)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _lists(index: Any) -> Any:
    """Return the inverted lists of `index`; None where it has none."""
    try:
        inverted: Any = faiss.extract_index_ivf(index)
        return faiss.downcast_InvertedLists(inverted.invlists)
    except RuntimeError:
        return None


def _opened(path: Path, whole: Any, *, mapped: bool = True) -> Any:
    """Return the part at `path`, which must have been filled from the same trained index."""
    part = read_index(path, mapped=mapped)
    try:
        whole.check_compatible_for_merge(part)
        if (inverted := _inverted(whole)) is not None:
            other = _inverted(part)
            centroids = [inverted.quantizer.reconstruct_n(0, 1) for inverted in (inverted, other)]
            same = inverted.nlist == other.nlist and np.array_equal(*centroids)
        else:
            same = True
    except (RuntimeError, AttributeError):
        same = False
    if not same:
        raise UserError(f"{path}: not a part of this index: it was filled from another trained one")
    return part


def _inverted(index: Any) -> Any:
    try:
        return faiss.downcast_index(faiss.extract_index_ivf(index))
    except RuntimeError:
        return None


def _merge_in_memory(whole: Any, parts: Sequence[Path]) -> None:
    for path in parts:
        whole.merge_from(_opened(path, whole, mapped=False), 0 if _lists(whole) is None else whole.ntotal)
    if hasattr(lists := _lists(whole), "n_per_block"):  # fast-scan codes
        _clear_padding(lists)


def _clear_padding(lists: Any) -> None:
    """Set to 0 what the last block of each list has beyond its items: merging leaves what memory held."""
    packer, each = lists.packer, lists.n_per_block
    nothing = np.zeros(packer.code_size, np.uint8)
    for number in range(lists.nlist):
        size = lists.list_size(number)
        if size % each:
            blocks = faiss.rev_swig_ptr(lists.get_codes(number), -(-size // each) * packer.block_size)
            last = blocks.reshape(-1, packer.block_size)[-1:]
            for place in range(size % each, each):
                packer.pack_1(nothing, place, last)


def _write_merged(whole: Any, parts: Sequence[Any], out: Path) -> None:
    """Write `whole` with the lists of `parts` to `out`, in FAISS's own format."""
    empty = _lists(whole)
    ending = EMPTY.pack(b"ilar", empty.nlist, empty.code_size, b"sprs", 0)
    count = sum(part.ntotal for part in parts)
    _inverted(whole).ntotal = whole.ntotal = count  # in the headers; the lists follow below
    faiss.write_index(whole, str(out))
    lists = [_lists(part) for part in parts]
    sizes = np.array([[part.list_size(i) for i in range(empty.nlist)] for part in lists], dtype=np.uint64)
    with out.open("r+b") as file:
        file.seek(-len(ending), 2)
        if file.read() != ending:
            raise RuntimeError("this release of FAISS ends an empty index in another way: merge it in memory")
        file.seek(-len(ending), 2)
        file.write(EMPTY.pack(b"ilar", empty.nlist, empty.code_size, b"full", empty.nlist))
        file.write(sizes.sum(axis=0, dtype=np.uint64).tobytes())
        offsets = np.cumsum([0, *(part.ntotal for part in parts)])[:-1]
        for number in progress(range(empty.nlist), "merging", unit="list"):
            _write_list(file, number, lists, sizes[:, number], offsets)


def _write_list(
    file: BinaryIO,
    number: int,
    lists: Sequence[Any],
    sizes: np.ndarray[Any, Any],
    offsets: np.ndarray[Any, Any],
) -> None:
    """Write the codes and then the ids of one list of every part."""
    held = [(part, int(n), offset) for part, n, offset in zip(lists, sizes, offsets, strict=True) if n]
    for part, size, _ in held:
        file.write(faiss.rev_swig_ptr(part.get_codes(number), size * part.code_size).data)
    for part, size, offset in held:
        file.write((faiss.rev_swig_ptr(part.get_ids(number), size) + offset).data)
