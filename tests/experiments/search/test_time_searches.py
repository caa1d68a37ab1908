"""Times of searches: only of what can answer one query."""

import pytest

from crossmodal.experiments.search.time_searches import alone


@pytest.mark.parametrize(
    "way, timed", [("pq", True), ("pq+refine", True), ("pq+nnn", True), ("pq+csls", False)]
)
def test_what_looks_at_all_queries_is_not_timed(way: str, timed: bool) -> None:
    assert alone({"nnn": {"kind": "nnn"}, "csls": {"kind": "csls"}}, way) == timed
