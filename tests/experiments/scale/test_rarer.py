"""How often exhaustive search is timed: seldom, but often enough for the percentiles that are told of it."""

import pytest

from crossmodal.experiments.scale.time_systems import rarer
from crossmodal.search.settings import LatencyProtocol


@pytest.mark.parametrize("measured, fewer", [(10, 10), (300, 100), (2000, 100), (10_000, 500)])
def test_exhaustive_search_is_asked_a_hundred_times_where_it_can_be(measured: int, fewer: int) -> None:
    protocol = rarer(LatencyProtocol(warm_up=50, measured=measured))
    assert (protocol.warm_up, protocol.measured) == (2, fewer)
