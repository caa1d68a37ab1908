"""Searching starts without torch, and parameters without FAISS."""

import subprocess
import sys

import pytest

from crossmodal.provenance.closure import closure

MODULES = (
    "build",
    "searcher",
    "folder",
    "timing",
    "merging",
    "cooccurrence",
    "exhaustive",
    "gallery",
)


@pytest.mark.parametrize("module", MODULES)
def test_search_depends_on_no_torch(module):
    code, outside = closure((f"crossmodal.search.{module}",))
    assert "torch" not in outside
    assert not [name for name in code if name.startswith(("crossmodal.training", "crossmodal.adaptation"))]


def test_stores_and_parameters_are_read_without_faiss_or_torch():
    code = (
        "import sys, crossmodal.search.store, crossmodal.search.exhaustive, crossmodal.search.checks\n"
        "from crossmodal.registry import any_of\nany_of('search')\n"
        "print(*({'faiss', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
