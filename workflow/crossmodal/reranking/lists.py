"""Several lists as one, and which of their queries can be learnt from."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.reranking.material import Lists
from crossmodal.search.gallery import Candidates


def merge(parts: Sequence[Lists]) -> Lists:
    """Return one list of all queries over one gallery: the galleries one after the other.

    Each query keeps the candidates of its own gallery. Where lists are of different lengths, the shorter are
    filled with places where nothing was found. Raises UserError where there is no list or widths differ.
    """
    if not parts:
        raise UserError("re-ranker: there are no training lists; give at least one")
    widths = sorted({part.vectors.shape[1] for part in parts})
    if len(widths) > 1:
        raise UserError(
            f"re-ranker: training lists have vectors of widths {widths}; they must have one width"
        )
    if len(parts) == 1:
        return parts[0]
    longest = max(part.found.positions.shape[1] for part in parts)
    starts = np.cumsum([0, *(len(part.vectors) for part in parts[:-1])])
    positions = [
        np.where(part.found.positions >= 0, part.found.positions + start, -1)
        for part, start in zip(parts, starts, strict=True)
    ]
    columns = {
        "queries": np.concatenate([part.found.queries for part in parts]),
        "positions": np.concatenate([_filled(rows, longest, -1) for rows in positions]),
        "scores": np.concatenate([_filled(part.found.scores, longest, -np.inf) for part in parts]),
        "relevant": np.concatenate([_filled(part.found.relevant, longest, False) for part in parts]),
    }
    if "rows" in Candidates.__dataclass_fields__:
        columns["rows"] = np.arange(len(columns["queries"]))
    owners = [f"{number}/{owner}" for number, part in enumerate(parts) for owner in part.owners]
    return Lists(np.concatenate([part.vectors for part in parts]), Candidates(**columns), owners)


def answerable(lists: Lists, candidates: int) -> npt.NDArray[np.int64]:
    """Return the rows of the queries with a relevant item among their first `candidates`; UserError if none."""
    rows = np.flatnonzero(lists.found.relevant[:, :candidates].any(axis=1))
    if not len(rows):
        raise UserError(
            f"re-ranker: no training query has its image among the first {candidates} candidates; raise nprobe"
        )
    return rows


def by_owner(rows: npt.NDArray[np.int64], owners: list[str]) -> list[list[int]]:
    """Return the rows of each owner, in the order in which owners come."""
    groups: dict[str, list[int]] = {}
    for row in rows.tolist():
        groups.setdefault(owners[row], []).append(row)
    return list(groups.values())


def _filled(rows: npt.NDArray, length: int, value: float) -> npt.NDArray:
    """Return `rows` [q, k] with columns of `value` up to `length`."""
    return np.pad(rows, ((0, 0), (0, length - rows.shape[1])), constant_values=value)
