"""What is wrong with an input, said in one line before anything is built."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors

LENGTH = 0.01  # how far from 1 a length may be: half precision moves it by 0.001
SAME = 1000  # equal vectors from which they are no accident


def checked(blocks: Iterable[Vectors], where: str, *, unit: bool = True) -> Iterator[Vectors]:
    """Yield `blocks`, float32 [b, d] each, and raise UserError at the first vector that cannot be indexed.

    That is one with a NaN or an infinity, of length zero, or (with `unit`) not of unit length; at the end, a
    vector that stands there 1,000 times, or no vector at all. `where` is what the message calls the input. One
    block is held, and eight bytes for each vector.
    """
    count, digests = 0, []
    for block in blocks:
        _check_rows(block, count, where, unit=unit)
        digests.append(_digests(block))
        count += len(block)
        yield block
    check_count(count, where)
    _check_variety(np.concatenate(digests), where)


def check_vectors(blocks: Iterable[Vectors], where: str, *, unit: bool = True) -> int:
    """Return how many vectors `blocks` hold, or raise UserError as `checked` does."""
    return sum(len(block) for block in checked(blocks, where, unit=unit))


def check_queries(queries: Vectors, dimension: int, where: str = "query") -> None:
    """Raise UserError for queries [q, d] of another width than the items, or that are no unit vectors."""
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise UserError(
            f"{where}: width {queries.shape[-1]}, but the index holds vectors of {dimension}; "
            "embed it with the index's model"
        )
    _check_rows(queries, 0, where, unit=True)


def check_ids(ids: Sequence[str], count: int, where: str) -> None:
    """Raise UserError unless there is one id for each of `count` vectors, none is empty and none is repeated."""
    if len(ids) != count:
        raise UserError(f"{where}: {len(ids)} ids for {count} vectors; each vector needs one")
    twice = [(name, times) for name, times in Counter(ids).most_common(1) if times > 1]
    if twice:
        (name, times), rows = twice[0], [row for row, own in enumerate(ids) if own == twice[0][0]]
        raise UserError(
            f'{where}: the id "{name}" is there {times} times (rows {_some(rows)}); ids must be unique'
        )
    if "" in ids:
        raise UserError(f"{where}: row {list(ids).index('')} has an empty id; each vector needs one")


def check_count(count: int, where: str = "the gallery") -> None:
    """Raise UserError for a gallery without items."""
    if not count:
        raise UserError(f"{where}: is empty; an index needs one vector at least")


def check_k(k: int, count: int, where: str = "the index") -> None:
    """Raise UserError where more results are asked for than there are items, or none."""
    if not 1 <= k <= count:
        raise UserError(f"{where}: cannot give the first {k} of {count} items; ask for 1 to {count}")


def check_model(card: dict[str, Any], digest: str, where: str) -> None:
    """Raise UserError where an index, whose card is given, is of another model than that of `digest`."""
    made = card.get("model")
    if made != digest:
        raise UserError(
            f"{where}: is of another model (digest {str(made)[:12]}, this one's is {digest[:12]}); "
            "search it with its own model, or build an index of this one's vectors"
        )


def check_divides(kind: str, m: int, dimension: int) -> None:
    """Raise UserError unless `m` subquantisers divide `dimension`."""
    if dimension % m:
        fitting = [n for n in range(1, dimension + 1) if dimension % n == 0]
        raise UserError(f"index {kind}: m={m} must divide the dimension {dimension} ({fitting})")


def check_training(kind: str, vectors: int, needed: int) -> None:
    """Raise UserError where there are fewer training vectors than lists or than entries of a codebook."""
    if vectors < needed:
        raise UserError(
            f"index {kind}: {vectors} training vectors for {needed} lists or codebook entries; give at least "
            f"{needed} vectors, or lower nlist or bits"
        )


def check_captions(captions: Vectors | None, key: str) -> Vectors:
    """Return the training captions that the parameter `key` needs, or raise UserError where there are none."""
    if captions is None or not len(captions):
        raise UserError(f"index: {key} needs training captions, and none are given")
    return captions


def _check_rows(block: Vectors, first: int, where: str, *, unit: bool) -> None:
    broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(broken):
        raise UserError(
            f"{where}: row {first + broken[0]} holds a NaN or an infinity ({len(broken)} such rows in "
            f"{len(block)}); leave them out or embed them again"
        )
    lengths = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float32))
    if len(zero := np.flatnonzero(lengths == 0)):
        raise UserError(
            f"{where}: row {first + zero[0]} is a zero vector, which has no direction; leave it out or "
            "embed it again"
        )
    off = np.flatnonzero(np.abs(lengths - 1) > LENGTH)
    if unit and len(off):
        raise UserError(
            f"{where}: row {first + off[0]} has length {lengths[off[0]]:.4g}; vectors must have unit length: "
            "divide each by its length"
        )


def _digests(block: Vectors) -> npt.NDArray[np.uint64]:
    """Return a digest of each row, uint64 [b]: odd random multiples of its bits, summed."""
    words = np.ascontiguousarray(block + np.float32(0)).view(np.uint32).astype(np.uint64)
    factors = np.random.default_rng(0).integers(0, 2**64, words.shape[1], dtype=np.uint64) | np.uint64(1)
    found: npt.NDArray[np.uint64] = (words * factors).sum(axis=1, dtype=np.uint64)
    return found


def _check_variety(digests: npt.NDArray[np.uint64], where: str) -> None:
    values, counts = np.unique(digests, return_counts=True)
    if counts.max() >= SAME:
        rows = np.flatnonzero(digests == values[counts.argmax()])
        raise UserError(
            f"{where}: {len(rows)} identical vectors (rows {_some(rows.tolist())}); such items cannot be told "
            "apart: leave out all but one, or look for what was embedded wrongly"
        )


def _some(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:3])) + (", ..." if len(rows) > 3 else "")
