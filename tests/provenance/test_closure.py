"""Fingerprints: what changes them and what does not."""

import ast
import sys
from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.provenance import closure as module
from crossmodal.provenance.closure import CANNOT_INFLUENCE_RESULTS, _canonical, closure, versions

SOURCE = '''
"""A module."""
import numpy as np

def double(x):
    """Return twice x."""
    return 2 * x  # a comment
'''


def canonical(source: str) -> object:
    return _canonical(ast.parse(source))


@pytest.mark.parametrize(
    "same",
    [
        SOURCE.replace("# a comment", "# another comment"),
        SOURCE.replace("Return twice x.", "Return x, doubled."),
        SOURCE.replace('"""A module."""', ""),
        SOURCE.replace("return 2 * x", "return (\n        2\n        * x\n    )"),
        SOURCE.replace("\n\ndef", "\n\n\n\ndef"),
    ],
)
def test_layout_comments_and_docstrings_do_not_count(same: str) -> None:
    assert same != SOURCE
    assert canonical(same) == canonical(SOURCE)


@pytest.mark.parametrize(
    "other",
    [
        SOURCE.replace("2 * x", "3 * x"),
        SOURCE.replace("2 * x", "2.0 * x"),
        SOURCE.replace("2 * x", "x * 2"),
        SOURCE.replace("def double(x)", "def double(x, y=None)"),
        SOURCE.replace("import numpy as np", "import numpy"),
        SOURCE.replace("return 2 * x", "return '2 * x'"),
    ],
)
def test_code_counts(other: str) -> None:
    assert other != SOURCE
    assert canonical(other) != canonical(SOURCE)


def test_closure_follows_imports_inside_functions_and_names_outside_packages() -> None:
    code, outside = closure(("crossmodal.jobs.shift_dataset", "crossmodal.shifts.corruption"))
    assert "crossmodal.data.images" in code
    assert "imagecorruptions" in outside
    assert set(versions(outside)) >= {"imagecorruptions-imaug", "numpy", "pyarrow", "pillow"}


def test_a_cell_does_not_depend_on_other_methods() -> None:
    code, _ = closure(("crossmodal.jobs.adapt_model", "crossmodal.adaptation.bitfit"))
    methods = {registry.module_name("adaptation", kind) for kind in registry.kinds("adaptation")}
    assert methods & set(code) == {"crossmodal.adaptation.bitfit"}
    attacks = {registry.module_name("attacks", kind) for kind in registry.kinds("attacks")}
    assert not attacks & set(code)


def test_jobs_never_depend_on_the_study_or_on_snakemake() -> None:
    for path in sorted((module.ROOT / "jobs").glob("*_*.py")):
        code, outside = closure((f"crossmodal.jobs.{path.stem}",))
        assert not {"crossmodal.study.study", "crossmodal.study.specs", "crossmodal.cli"} & set(code), path
        assert "snakemake" not in outside, path


def test_what_is_left_out_exists_and_imports_no_mathematics() -> None:
    """The short list stays honest: none of its modules may compute."""
    numerical = {"numpy", "torch", "faiss", "pandas", "scipy", "cv2", "PIL"}
    for name in CANNOT_INFLUENCE_RESULTS:
        path = module._file_of(name)
        assert path is not None, name
        for file in path.parent.glob("*.py") if path.name == "__init__.py" else [path]:
            imported = {dotted.split(".")[0] for dotted in module._read(file)[1]}
            assert not imported & numerical, file


def test_parsing_the_study_imports_neither_torch_nor_pandas() -> None:
    import subprocess

    code = (
        "import sys, crossmodal.study.study, crossmodal.study.specs; "
        "print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_root_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        closure(("crossmodal.jobs.no_such_job",))


def test_package_init_files_are_empty() -> None:
    """An import of one module must not pull in its neighbours; `crossmodal.attacks` alone offers names, lazily."""
    full = [p for p in Path(module.ROOT).rglob("__init__.py") if p.stat().st_size]
    assert full == [module.ROOT / "attacks" / "__init__.py"]
    code, outside = closure(("crossmodal.attacks.context",))
    assert set(code) == {"crossmodal.attacks.context"} and "importlib" not in outside
