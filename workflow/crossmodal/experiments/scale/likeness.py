"""Which items of a gallery show what a caption asks for: those with its label."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crossmodal.search.store import Positions


def like(positions: Positions, asked: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which of `positions` [q, k] hold items of the labels `asked` for [q], bool [q, k].

    `labels` are those of the first items of the gallery; the others, which were drawn, have none, and neither has
    -1.
    """
    known = np.asarray([*labels, ""], dtype=object)
    places = np.where((positions >= 0) & (positions < len(labels)), positions, len(labels))
    found: npt.NDArray[np.bool_] = (known[places] == np.asarray(asked, dtype=object)[:, None]).astype(bool)
    return found & (places < len(labels))
