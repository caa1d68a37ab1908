"""Parameters of the dataset kind `digits`: handwritten digits that come with scikit-learn."""

from typing import Literal

from crossmodal.data.class_sets import ClassSetParameters


class Params(ClassSetParameters):
    """1,797 handwritten digits of 8 x 8 px, drawn larger, dark on white."""

    kind: Literal["digits"]
