"""docs/provenance.md names all code that is in no job's digest: what is trusted is said."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from crossmodal import registry
from crossmodal.provenance.closure import CANNOT_INFLUENCE_RESULTS, PACKAGE, closure
from crossmodal.provenance.closure import ROOT as LIBRARY
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.specs import rules_of, spec
from crossmodal.study.study import load_study

ROOT = LIBRARY.parents[1]
PACKAGES = (
    "data",
    "shifts",
    "models",
    "adaptation",
    "attacks",
    "search",
    "reranking",
    "classifiers",
    "updates",
)
"""Those with kinds, of which a study of the user's may name others than ours do."""


@pytest.fixture(scope="module")
def digested() -> set[str]:
    """The modules that are in the digest of a job: of our studies, or of one that names any rule or kind."""
    found: set[str] = set()
    roots = [
        registry.module_name(package, name)
        for package in PACKAGES
        for kind in registry.kinds(package)
        for name in (kind, f"{kind}_params")
    ]
    defaults = read_yaml(ROOT / "params.yaml")
    for overlay in ({}, *(read_yaml(path) for path in sorted((ROOT / "studies").glob("*.yaml")))):
        study = load_study(defaults, overlay)
        roots += [rule.entry for rule in rules_of(study).values()]
        for rule, wildcards in grid.jobs(study):
            found.update(json.loads(spec(study, rule, **wildcards))["code"])
    return found | set(closure(tuple(dict.fromkeys(roots)))[0])


@pytest.fixture(scope="module")
def named() -> set[str]:
    """The modules and packages that the section on what is trusted names."""
    section = (ROOT / "docs/provenance.md").read_text().partition("\n## What is trusted\n")[2]
    return {*re.findall(r"`(crossmodal[\w.*]*)`", section.partition("\n## ")[0])}


def modules() -> list[str]:
    """Return the dotted names of the library's modules with any code."""
    files = (
        path.relative_to(LIBRARY).with_suffix("") for path in LIBRARY.rglob("*.py") if path.stat().st_size
    )
    return sorted(".".join((PACKAGE, *(part for part in file.parts if part != "__init__"))) for file in files)


def is_one_of(module: str, names: set[str]) -> bool:
    return any(fnmatchcase(module, name) or module.startswith(f"{name}.") for name in names)


def test_all_code_that_is_in_no_digest_is_named(digested: set[str], named: set[str]) -> None:
    assert [m for m in modules() if m not in digested and not is_one_of(m, named)] == []


def test_what_is_named_is_in_no_digest(digested: set[str], named: set[str]) -> None:
    assert [module for module in sorted(digested) if is_one_of(module, named)] == []
    assert [name for name in sorted(named) if not any(is_one_of(m, {name}) for m in modules())] == []
    assert named > set(CANNOT_INFLUENCE_RESULTS)


def test_the_assets_of_the_audit_page_are_in_no_digest(digested: set[str]) -> None:
    assets = {path.name for path in Path(LIBRARY, "report/assets_audit").iterdir()}
    assert assets and not assets & digested
