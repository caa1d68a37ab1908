"""Times of searches: one thread whatever the machine has, and only of what can answer one query."""

import os
import subprocess
import sys

import pytest

from crossmodal.experiments.search.time_searches import alone


def test_blas_has_one_thread_before_numpy_is_there() -> None:
    code = (
        "import os, sys; before = 'numpy' in sys.modules\n"
        "import crossmodal.experiments.search.time_searches\n"
        "print(before, os.environ['OPENBLAS_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "1", "1"]


@pytest.mark.parametrize(
    "way, timed", [("pq", True), ("pq+refine", True), ("pq+nnn", True), ("pq+csls", False)]
)
def test_what_looks_at_all_queries_is_not_timed(way: str, timed: bool) -> None:
    assert alone({"nnn": {"kind": "nnn"}, "csls": {"kind": "csls"}}, way) == timed
