"""What times searches takes one thread of BLAS, however many cores Snakemake gives the job to be alone."""

import os
import subprocess
import sys

import pytest

from crossmodal.experiments.scale.jobs import RULES as SCALE
from crossmodal.experiments.search.jobs import RULES as SEARCH
from crossmodal.jobs.rules import TIMED

ENTRIES = [rule.entry for rules in (SEARCH, SCALE) for rule in rules.values() if rule.group == TIMED]
THREADS = """
import ctypes, sys
from importlib import import_module
from pathlib import Path

import_module(sys.argv[1])
maps = Path("/proc/self/maps").read_text().splitlines()
[path] = {line.split()[-1] for line in maps if "libscipy_openblas64_" in line and "numpy" in line}
print(ctypes.CDLL(path).scipy_openblas_get_num_threads64_())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which libraries are loaded")
@pytest.mark.parametrize("entry", ENTRIES)
def test_blas_has_one_thread(entry: str) -> None:
    given = {name: "2" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", THREADS, entry],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1"]
