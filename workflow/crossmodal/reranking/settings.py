"""What every second stage may be told. Free of torch and FAISS."""

from crossmodal.parameters import Count, Parameters


class StageParameters(Parameters):
    """A second stage: it puts the first candidates of an index in another order."""

    candidates: Count = 100
    """Items of the first stage that are put in order."""
