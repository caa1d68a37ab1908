"""Which format a file of vectors has. Formats are found by their file, `<name>_format.py`, and listed nowhere."""

from functools import cache
from importlib import import_module, resources
from pathlib import Path
from types import ModuleType

from crossmodal.errors import UserError
from crossmodal.parameters import nearest
from crossmodal.search.formats.vector_file import VectorFile

PACKAGE, SUFFIX = "crossmodal.search.formats", "_format.py"


@cache
def formats() -> tuple[str, ...]:
    """Return the names of the formats, sorted."""
    files = resources.files(PACKAGE).iterdir()
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))


def load_format(name: str) -> ModuleType:
    """Import and return the module of a format."""
    return import_module(f"{PACKAGE}.{name}{SUFFIX.removesuffix('.py')}")


def layouts() -> dict[str, str]:
    """Return the formats that `crossmodal embed` can write, by what its --layout calls them."""
    return {name.replace("_", "-"): name for name in formats() if hasattr(load_format(name), "write_shard")}


def load_layout(name: str) -> ModuleType:
    """Return the module of a format that can be written, or raise UserError with those that there are."""
    known = layouts()
    if name not in known:
        raise UserError(f"--layout: {nearest(name, known, 'layout')}")
    return load_format(known[name])


def open_vectors(path: Path) -> VectorFile:
    """Return the vectors in the file or folder `path`; UserError where it is of no known format or not whole."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    for name in formats():
        module = load_format(name)
        if module.accepts(path):
            found: VectorFile = module.read(path)
            return found
    known = "; ".join(f"{name} ({load_format(name).DESCRIPTION})" for name in formats())
    raise UserError(f"{path}: of no known format; there are: {known}")


def open_queries(path: Path) -> VectorFile:
    """Return the queries in `path`: the captions or test queries beside its vectors, else the vectors."""
    found = open_vectors(path)
    beside = found.captions or found.tests
    return beside() if beside else found
