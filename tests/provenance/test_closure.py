"""Fingerprints: what changes them and what does not."""

import ast
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.provenance import closure as module
from crossmodal.provenance.closure import CANNOT_INFLUENCE_RESULTS, _canonical, closure, versions
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import rules_of, spec
from crossmodal.study.study import load_study

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


def test_what_type_checkers_alone_read_is_no_dependency() -> None:
    """The parameters of an experiment name the study, for their checks, and no job of it depends on that."""
    code, outside = closure(("crossmodal.experiments.search.params",))
    assert "crossmodal.search.settings" in code
    assert not [name for name in code if name.startswith("crossmodal.study")] and "yaml" not in outside
    tree = ast.parse(
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
        "if flag:\n    import c\ndef f():\n    if not TYPE_CHECKING:\n        import d\n"
    )
    run = [node for node in module._nodes_that_run(tree) if isinstance(node, ast.Import)]
    assert sorted(alias.name for node in run for alias in node.names) == ["b", "c", "d"]


def test_a_cell_does_not_depend_on_other_methods() -> None:
    code, _ = closure(("crossmodal.jobs.adapt_model", "crossmodal.adaptation.bitfit"))
    methods = {registry.module_name("adaptation", kind) for kind in registry.kinds("adaptation")}
    assert methods & set(code) == {"crossmodal.adaptation.bitfit"}
    attacks = {registry.module_name("attacks", kind) for kind in registry.kinds("attacks")}
    assert not attacks & set(code)


ROOT = module.ROOT.parents[1]
DEFAULTS = read_yaml(ROOT / "params.yaml")
PINNED = {"repo": "someone/pairs", "revision": "a" * 40, "files": {"data/test.parquet": "b" * 64}}
OF_THE_HUB = {
    "datasets": {"pairs": {"kind": "huggingface", "hub": PINNED, "splits": {"test": "test"}}},
    "evaluation": {"domains": ["pairs"]},
}
STUDENT = {
    "kind": "distilled", "teacher": "towers", "text": {"layers": 2}, "datasets": ["web"],
    "training": {"epochs": 1},
}  # fmt: skip
OF_A_STUDENT = {
    "models": {"half": STUDENT},
    "adaptation": {
        "cells": {"zero-shot-half": {"method": {"kind": "zero_shot"}, "model": "half", "seeds": [0]}}
    },
}
STUDIES = [
    load_study(DEFAULTS, overlay)
    for overlay in (
        {},
        OF_THE_HUB,
        OF_A_STUDENT,
        *(read_yaml(path) for path in sorted((ROOT / "studies").glob("*.yaml"))),
    )
]


@pytest.fixture(scope="module")
def codes() -> dict[str, set[str]]:
    """The modules that the jobs of each rule depend on, in any of our studies."""
    found: dict[str, set[str]] = {}
    for study in STUDIES:
        for rule, wildcards in grid.jobs(study):
            content = json.loads(spec(study, rule, **wildcards))
            found.setdefault(rule, set()).update(content["code"])
    return found


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    """The entry point of each rule."""
    return {name: rule.entry for study in STUDIES for name, rule in rules_of(study).items()}


def test_every_rule_has_a_job_in_some_study(codes: dict[str, set[str]], entries: dict[str, str]) -> None:
    """What follows would say nothing of an experiment that no study names."""
    assert {room for study in STUDIES for room in study.rooms()} == set(registry.rooms())
    assert set(codes) == set(entries) - {"merge_model"}


def test_jobs_never_depend_on_the_study_the_commands_or_snakemake(
    codes: dict[str, set[str]], entries: dict[str, str]
) -> None:
    above = ("crossmodal.study", "crossmodal.commands", "crossmodal.cli")
    for rule, code in codes.items():
        assert [name for name in code if name.startswith(above)] == [], rule
    for entry in entries.values():
        code, outside = closure((entry,))
        assert entry in code and "snakemake" not in outside, entry


def test_jobs_depend_on_no_other_experiment(codes: dict[str, set[str]], entries: dict[str, str]) -> None:
    """Only the join knows all, and of each what is claimed: its claims, its parameters and what these import."""
    home = {rule: entry.split(".")[2] for rule, entry in entries.items() if _is_of_a_room(entry)}
    assert set(home.values()) == set(registry.rooms())
    for rule, code in codes.items():
        others = {name for name in code if _is_of_a_room(name) and name.split(".")[2] != home.get(rule)}
        if rule == "join_numbers":
            parts = [registry.room_module(r, part) for r in registry.rooms() for part in ("claims", "params")]
            known = {name for name in closure(tuple(parts))[0] if _is_of_a_room(name)}
            assert set(parts) <= others <= known
        else:
            assert others == set(), rule


def _is_of_a_room(name: str) -> bool:
    return name.startswith("crossmodal.experiments.")


def test_what_is_left_out_exists_and_imports_no_mathematics() -> None:
    """The short list stays honest: none of its modules may compute."""
    numerical = {"numpy", "torch", "faiss", "pandas", "scipy", "cv2", "PIL"}
    for name in CANNOT_INFLUENCE_RESULTS:
        path = module._file_of(name)
        assert path is not None, name
        for file in path.parent.glob("*.py") if path.name == "__init__.py" else [path]:
            imported = {dotted.split(".")[0] for dotted in module._read(file)[1]}
            assert not imported & numerical, file


def test_the_page_names_exactly_what_is_left_out() -> None:
    page = (ROOT / "docs/provenance.md").read_text()
    assert re.findall(r"^\| `(crossmodal[\w.]*)` \|", page, flags=re.MULTILINE) == list(
        CANNOT_INFLUENCE_RESULTS
    )


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


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for folder, text in (("model", "a"), ("tokenizer", "b")):
        (tmp_path / folder).mkdir()
        paths += [tmp_path / folder / "config.json", tmp_path / folder / f"{folder}.txt"]
        for path in paths[-2:]:
            path.write_text(text)
    before = module.resource_digests(tuple(paths))
    assert len(before) == 4 and {"model.txt", "tokenizer.txt"} < before.keys()
    for path in paths:
        path.write_text("c")
        after = module.resource_digests(tuple(paths))
        assert sum(after[name] != before[name] for name in before) == 1, path
        before = after
    assert module.resource_digests((paths[0], paths[0])) == {"config.json": before[paths[0].as_posix()]}


def test_package_init_files_are_empty() -> None:
    """An import of one module must not pull in its neighbours."""
    assert [p for p in Path(module.ROOT).rglob("__init__.py") if p.stat().st_size] == []
    assert set(closure(("crossmodal.attacks.context",))[0]) == {"crossmodal.attacks.context"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package in the place of ours."""
    root = tmp_path / "crossmodal"
    monkeypatch.setattr(module, "ROOT", root)
    module._file_of.cache_clear()
    (root / "deep").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "deep/__init__.py").touch()
    (root / "deep/loop.py").write_text("x = 1\n")
    yield root
    module._file_of.cache_clear()


def test_a_package_above_a_module_runs_before_it_and_counts(package: Path) -> None:
    assert set(closure(("crossmodal.deep.loop",))[0]) == {"crossmodal.deep.loop"}
    (package / "deep/__init__.py").write_text("import numpy\nnumpy.mean = None\n")
    module._read.cache_clear()
    code, outside = closure(("crossmodal.deep.loop",))
    assert set(code) == {"crossmodal.deep", "crossmodal.deep.loop"} and outside == {"numpy"}


def test_a_lazy_package_that_was_edited_counts(package: Path) -> None:
    (package / "attacks").mkdir()
    (package / "attacks/pgd.py").write_text("x = 1\n")
    shutil.copy(ROOT / "workflow/crossmodal/attacks/__init__.py", package / "attacks")
    assert set(closure(("crossmodal.attacks.pgd",))[0]) == {"crossmodal.attacks.pgd"}
    module._read.cache_clear()
    (package / "attacks/__init__.py").write_text("import numpy\n")
    assert set(closure(("crossmodal.attacks.pgd",))[0]) == {"crossmodal.attacks", "crossmodal.attacks.pgd"}


@pytest.mark.parametrize(
    "name", ["numexpr.py", "numexpr.abi3.so", "numexpr/__init__.py", "numexpr/__init__.pyc"]
)
def test_what_lies_beside_the_package_is_in_place_of_no_other(package: Path, name: str) -> None:
    module.check_sources()
    path = package.parent / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    said = (
        f"{package.parent / Path(name).parts[0]}: Python would import it in place of a package of that name"
    )
    with pytest.raises(UserError, match=re.escape(said)):
        module.check_sources()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("deep/loop/__init__.py", "deep/loop/__init__.py and {}/deep/loop.py: two files of the module"),
        ("deep/loop/__init__.pyc", "deep/loop/__init__.pyc and {}/deep/loop.py: two files of the module"),
        ("deep/loop.abi3.so", "deep/loop.abi3.so and {}/deep/loop.py: two files of the module"),
        ("deep.py", "deep/__init__.py and {}/deep.py: two files of the module crossmodal.deep;"),
        ("deep/hidden.so", "deep/hidden.so: not source code; Python would run hidden.so"),
        ("deep/hidden.pyc", "deep/hidden.pyc: not source code; Python would run hidden.pyc"),
    ],
)
def test_a_module_that_python_would_take_from_another_file_is_refused(
    package: Path, more: str, said: str
) -> None:
    module.check_sources()
    (package / "deep/loop.pyc").touch()  # Python takes the source first
    module._file_of.cache_clear()
    module.check_sources()
    (package / more).parent.mkdir(exist_ok=True)
    (package / more).touch()
    module._file_of.cache_clear()
    with pytest.raises(UserError, match=re.escape(f"{package}/{said.format(package)}")) as caught:
        module.check_sources()
    assert "\n" not in str(caught.value)
    if "loop" in more:
        with pytest.raises(UserError):
            closure(("crossmodal.deep.loop",))
