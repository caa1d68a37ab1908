"""Imports point one way: which part of the house may know which, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossmodal import registry

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "workflow/crossmodal"

LEAVES = {"argument_files", "errors", "parameters", "progress", "determinism", "seeds", "torch_setup"}
"""Modules that know nothing of the rest."""

RUNNING = {"run", "arguments", "rules", "lock", "workers", "accelerators", "refusals", "torchrun"}
"""How a job is run and described; the other modules of `jobs` are entry points."""

UPWARDS = {"jobs.workers imports training.distributed"}
"""Imports against the order, each with its reason: how the processes of one job are told apart is training's."""

MEANS = [
    "data",
    "shifts",
    "models",
    ("adaptation", "attacks"),
    "updates",
    ("training", "search", "statistics", "report", "classifiers"),
    "reranking",
]
"""The means: each layer may use what stands before it."""


def _allowed() -> dict[str, set[str]]:
    """Return by part of the house the parts that it may import beside itself and the leaves."""
    found: dict[str, set[str]] = {leaf: set() for leaf in LEAVES}
    found["registry"] = set()
    found["provenance"] = {"registry"}
    below = {"registry", "provenance"}
    for layer in MEANS:
        names = {layer} if isinstance(layer, str) else set(layer)
        found |= {name: set(below) for name in names}
        below |= names
    found["jobs: running"] = {"provenance"}
    found["jobs: entry points"] = below | {"jobs: running"}
    found["study"] = {"registry", "provenance", "data", "models", "statistics", "training", "jobs: running"}
    found["experiments"] = below | {"jobs: running"}
    found["serving"] = set(below)
    found["commands"] = found["experiments"] | {"experiments", "serving", "study"}
    found["cli"] = found["commands"] | {"commands"}
    return found


ALLOWED = _allowed()


def imports(tree: ast.AST, *, typing: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever; with `typing` those for type checkers too."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, "relative imports are not followed by fingerprints"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module
        checked = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        nodes.extend(node.orelse if checked and not typing else ast.iter_child_nodes(node))


def imported(path: Path, *, typing: bool = False) -> set[str]:
    """Return the modules of the package that one of its files imports, less the package's name."""
    names = {name.removeprefix("crossmodal.") for name in imports(ast.parse(path.read_text()), typing=typing)
             if name.startswith("crossmodal.")}  # fmt: skip
    return {name for name in names if PACKAGE.joinpath(*name.split(".")).with_suffix(".py").is_file()}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    }


def part(module: str) -> str:
    """Return the part of the house that a module belongs to."""
    first, *rest = module.split(".")
    if first == "jobs":
        return "jobs: running" if rest[0] in RUNNING else "jobs: entry points"
    return first


MODULES = modules()


def test_every_module_has_its_place() -> None:
    assert {part(module) for module in MODULES} == set(ALLOWED)


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_imports_point_one_way(name: str) -> None:
    wrong = {
        f"{module} imports {other}"
        for module, path in MODULES.items()
        if part(module) == name
        for other in imported(path)
        if name in LEAVES or part(other) not in ALLOWED[name] | LEAVES | {name}
    }
    described = {
        f"experiments.{room}.jobs" for room in registry.rooms()
    }  # their rules are the study's to plan
    wrong = {line for line in wrong if not (line.split()[0] in described and " imports study." in line)}
    assert wrong - UPWARDS == set()


def test_experiments_do_not_import_each_other() -> None:
    for module, path in MODULES.items():
        if part(module) == "experiments":
            room = module.split(".")[1]
            others = {name for name in imported(path, typing=True) if part(name) == "experiments"}
            assert {name.split(".")[1] for name in others} <= {room}, module


def test_the_study_is_known_to_those_alone_who_plan() -> None:
    """The Snakefile, the commands, and what an experiment says of its rules; its parameters for type checkers."""
    knowing = {
        module
        for module, path in MODULES.items()
        if part(module) not in ("study", "commands", "cli")
        and any(part(name) == "study" for name in imported(path, typing=True))
    }
    assert knowing <= {
        f"experiments.{room}.{part}" for room in registry.rooms() for part in ("jobs", "params")
    }
    for room in registry.rooms():
        params = MODULES[f"experiments.{room}.params"]
        assert not any(part(name) == "study" for name in imported(params)), room


def test_the_library_knows_nothing_of_snakemake() -> None:
    for module, path in MODULES.items():
        assert not {n for n in imports(ast.parse(path.read_text())) if n.split(".")[0] == "snakemake"}, module


def test_what_the_study_imports_is_settings_and_pins() -> None:
    """Parsing the Snakefile is done for each job of a cluster: nothing there computes."""
    own = {name for module, path in MODULES.items() if part(module) == "study" for name in imported(path)}
    assert {name for name in own if part(name) not in LEAVES | {"study", "registry"}} == {
        "data.hub_pins", "data.packages", "jobs.rules", "models.base", "models.pretrained", "provenance.closure",
        "statistics.settings", "training.adversary_settings", "training.settings",
    }  # fmt: skip
