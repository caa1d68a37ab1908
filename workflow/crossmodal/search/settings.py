"""Typed parameters of search that no single index owns. Free of torch and FAISS."""

from crossmodal.parameters import Count, Parameters


class LatencyProtocol(Parameters):
    """How the latency of single queries is measured: warm-up, then measured queries, one at a time."""

    warm_up: Count = 100
    """Queries before the clock starts."""
    measured: Count = 1000
    """Timed queries; the captions are used again from the start when there are fewer."""
