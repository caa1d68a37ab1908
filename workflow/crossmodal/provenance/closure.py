"""Which code and which packages a job runs: the import closure of its modules, read from the source."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.metadata import packages_distributions, version
from pathlib import Path

from crossmodal.errors import UserError

PACKAGE = "crossmodal"
ROOT = Path(__file__).resolve().parents[1]

CANNOT_INFLUENCE_RESULTS = (
    "crossmodal.errors",  # wording for people
    "crossmodal.parameters",  # validates; the values themselves stand in the spec
    "crossmodal.registry",  # maps names to modules; the modules named are roots of the closure
    "crossmodal.progress",  # draws bars
    "crossmodal.provenance",  # hashes files and writes manifests after the work is done
    "crossmodal.jobs.run",  # hands paths and the spec to a job and moves its outputs into place
)
"""Modules (and their submodules) left out of every fingerprint, each with its reason."""

BESIDE = {PACKAGE, "snakemake_logger_plugin_crossmodal"}
"""The packages that lie where this one does."""

SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
"""In the order in which Python looks for them."""


@cache
def _file_of(module: str) -> Path | None:
    """Return the source file of a module of this package, or None if there is no such module.

    Raises UserError where Python would run another file of the same name instead, whose code nobody reads.
    """
    path = ROOT.joinpath(*module.split(".")[1:])
    folder = [path / f"__init__{suffix}" for suffix in SUFFIXES]
    beside = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    found = [candidate for candidate in (*folder, *beside) if candidate.is_file()]
    if not found:
        return None
    runs, sources = found[0], [candidate for candidate in found if candidate.suffix == ".py"]
    others = [candidate for candidate in found if candidate.suffix != ".pyc" and candidate != runs]
    if runs.suffix != ".py" or others:
        both = next((c for c in (*sources, *others) if c != runs), None)
        which = f"{runs} and {both}: two files of the module {module}" if both else f"{runs}: not source code"
        raise UserError(
            f"{which}; Python would run {runs.name}, and a digest needs one .py file: remove the other"
        )
    return runs


def check_sources() -> None:
    """Raise UserError for the first module that Python would run and the digests do not see, or see differently.

    Of this package, and beside it: its folder is where Python looks for every module.
    """
    for path in sorted(ROOT.parent.iterdir()):
        importable = path.name.endswith(SUFFIXES) or any((path / f"__init__{s}").is_file() for s in SUFFIXES)
        if importable and path != ROOT and path.name not in BESIDE:
            raise UserError(f"{path}: Python would import it in place of a package of that name; remove it")
    for path in sorted(ROOT.rglob("*")):
        suffix = next((s for s in SUFFIXES if path.name.endswith(s)), None)
        if suffix and "__pycache__" not in path.parts:
            parts = path.relative_to(ROOT).with_name(path.name.removesuffix(suffix)).parts
            _file_of(".".join((PACKAGE, *(part for part in parts if part != "__init__"))))


def _excluded(module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in CANNOT_INFLUENCE_RESULTS)


def _canonical(node: object) -> object:
    """Return the tree as nested tuples: no positions, no docstrings, and equal on every Python version.

    Empty fields are dropped because newer versions add fields; bare strings (docstrings, attribute
    docstrings) are dropped because they change no result.
    """
    if isinstance(node, ast.AST):
        fields = ((name, _canonical(value)) for name, value in ast.iter_fields(node) if name != "ctx")
        return (type(node).__name__, *(f for f in fields if f[1] not in (None, ())))
    if isinstance(node, list):
        return tuple(_canonical(item) for item in node if not _is_bare_string(item))
    return (type(node).__name__, repr(node)) if node is not None else None


def _is_bare_string(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Return the digest of a source file's code and the dotted names that it imports, wherever it does."""
    tree = ast.parse(path.read_bytes())
    names: set[str] = set()
    for node in _nodes_that_run(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            if node.module.split(".")[0] == PACKAGE:  # `from package import module`
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    digest = hashlib.sha256(repr(_canonical(tree)).encode()).hexdigest()[:12]
    return digest, frozenset(names)


def _nodes_that_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree but for what stands under `if TYPE_CHECKING:`, which no job ever does."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            nodes.extend(node.orelse)
        else:
            nodes.extend(ast.iter_child_nodes(node))


def closure(roots: tuple[str, ...]) -> tuple[dict[str, str], set[str]]:
    """Follow the imports from `roots`.

    Returns the digest of each of the package's modules that is reached, by dotted name, and the top-level
    names of everything imported from outside. A module's packages run before it, so they count too. Raises
    ModuleNotFoundError for a root that does not exist.
    """
    code: dict[str, str] = {}
    outside: set[str] = set()
    queue = list(roots)
    for root in roots:
        if _file_of(root) is None:
            raise ModuleNotFoundError(root)
    while queue:
        module = queue.pop()
        if module.split(".")[0] != PACKAGE:
            outside.add(module.split(".")[0])
            continue
        path = _file_of(module)
        if module in code or path is None or _excluded(module):
            continue
        digest, names = _read(path)
        if path.stat().st_size:  # the empty __init__ of a package says nothing
            code[module] = digest
        queue.extend(names)
        queue.extend(_packages_above(module))
    return dict(sorted(code.items())), outside


def _packages_above(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: sorted(set(owners)) for name, owners in packages_distributions().items()}


def versions(modules: set[str]) -> dict[str, str]:
    """Return name and version of the installed distributions that own the top-level `modules`.

    The standard library and what is not installed are left out.
    """
    owners = {owner for module in modules for owner in _distributions().get(module, [])}
    return {owner: _version(owner) for owner in sorted(owners) if owner != PACKAGE}


_version = cache(version)  # reads and parses a file


def resource_digests(paths: tuple[Path, ...]) -> dict[str, str]:
    """Return a digest for each file that code reads as if it were code: templates, model configurations.

    It goes by its name, or by its path where another has that name too.
    """
    named = Counter(path.name for path in set(paths))
    return {
        path.name if named[path.name] == 1 else path.as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()[:12]
        for path in sorted(set(paths))
    }
