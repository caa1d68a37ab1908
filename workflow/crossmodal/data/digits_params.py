"""Parameters of the dataset kind `digits`: handwritten digits that come with scikit-learn."""

from typing import Literal

from crossmodal.data.class_sets import ClassSetParameters
from crossmodal.parameters import Count


class Params(ClassSetParameters):
    """1,797 handwritten digits of 8 x 8 px, drawn larger, dark on white."""

    kind: Literal["digits"]
    limit: Count | None = None
    """Images of each digit that are kept, the first of each split by a hash, for small runs; null keeps all."""
