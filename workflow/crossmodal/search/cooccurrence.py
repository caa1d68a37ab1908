"""A graph of items that training queries find together, along which candidates are expanded before refinement.

What a query's lists miss was often found together with what they hold, by other queries (the idea of RoarGraph,
Chen et al. 2024, arXiv 2408.08933, as a table beside any index).
"""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from crossmodal.search.store import Positions

Graph = npt.NDArray[np.int32]
ROWS = 4096  # items whose neighbours are counted at once


def neighbours(lists: Positions, n: int, degree: int = 8) -> Graph:
    """Return for each of n items those that stand in most lists with it, int32 [n, degree], -1 for none.

    `lists` int64 [q, K] are the first items for training queries (exhaustive search), -1 for none. Of items that
    are as often there the first comes first. 8 neighbours are 32 bytes an item.
    """
    there = lists >= 0
    rows = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)[there]
    ones = np.ones(len(rows), np.int32)
    holds = sparse.csr_array((ones, (rows, lists[there])), shape=(len(lists), n))
    in_lists = sparse.csr_array(holds.T)
    graph = np.full((n, degree), -1, np.int32)
    for start in range(0, n, ROWS):
        together = sparse.csr_array(in_lists[start : start + ROWS] @ holds)
        together.sort_indices()
        for row in range(together.shape[0]):
            inside = slice(together.indptr[row], together.indptr[row + 1])
            others, times = together.indices[inside], together.data[inside]
            best = np.argsort(-np.where(others == start + row, 0, times), kind="stable")
            best = best[others[best] != start + row][:degree]
            graph[start + row, : len(best)] = others[best]
    return graph


def expand(positions: Positions, graph: Graph, limit: int) -> Positions:
    """Return the candidates int64 [q, k] and then their neighbours, each item once, int64 [q, limit], -1 for none.

    Neighbours come by their rank and then by that of the candidate which they belong to, so that a small limit
    takes the nearest of many and not all of few. Candidates beyond the limit are left out.
    """
    count = len(positions)
    joined = np.where((positions >= 0)[:, :, None], graph[np.maximum(positions, 0)], -1)
    everything = np.concatenate([positions, joined.transpose(0, 2, 1).reshape(count, -1)], axis=1)
    result = np.full((count, limit), -1, np.int64)
    for row, items in enumerate(everything):
        items = items[items >= 0]
        _, first = np.unique(items, return_index=True)
        kept = items[np.sort(first)][:limit]
        result[row, : len(kept)] = kept
    return result
