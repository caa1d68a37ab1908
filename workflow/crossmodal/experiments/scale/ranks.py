"""Where what is looked for stands among candidates."""

import numpy as np
import numpy.typing as npt

from crossmodal.search.store import Positions

ABSENT = 0
"""The rank of what is not among the candidates."""


def ranks_of(wanted: Positions, positions: Positions) -> npt.NDArray[np.int64]:
    """Return the rank, from 1, of `wanted` [q] in `positions` [q, k], int64 [q]; ABSENT where it is not there."""
    hits = positions == wanted[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, ABSENT)
