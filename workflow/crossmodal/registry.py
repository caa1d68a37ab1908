"""Names to modules. A kind is two files in a package: `<kind>.py` and, free of torch, `<kind>_params.py`.

An experiment is one folder, a room, in `experiments`. Nothing is listed by hand and nothing is imported before it
is used, so a new kind is two new files and a new experiment one new folder: neither touches an old module, and so
neither makes an old result stale.
"""

from functools import cache
from importlib import import_module, resources
from types import ModuleType
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter

from crossmodal.parameters import Parameters

_SUFFIX = "_params.py"


@cache
def kinds(package: str) -> tuple[str, ...]:
    """Return the sorted kinds that `crossmodal.<package>` offers, for example ("bitfit", "lora")."""
    files = resources.files(f"crossmodal.{package}").iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


@cache
def any_of(package: str) -> Any:
    """Return the type "parameters of any kind of `crossmodal.<package>`", told apart by the key `kind`."""
    classes = tuple(kind_class(package, kind) for kind in kinds(package))
    if len(classes) == 1:
        return classes[0]
    return Annotated[Union[classes], Field(discriminator="kind")]  # noqa: UP007 - built at run time


def kind_class(package: str, kind: str) -> Any:
    """Return the class of the parameters of `kind`."""
    return import_module(f"crossmodal.{package}.{kind}_params").Params


def parse(package: str, values: dict[str, Any]) -> Any:
    """Return the typed parameters for `values`, a mapping with the key `kind` (as found in a spec)."""
    params: Parameters = TypeAdapter(any_of(package)).validate_python(values)
    return params


def module_name(package: str, kind: str) -> str:
    """Return the dotted name of the module that implements `kind`: a root of its code fingerprint."""
    return f"crossmodal.{package}.{kind}"


def load(package: str, kind: str) -> ModuleType:
    """Import and return the module that implements `kind`."""
    return import_module(module_name(package, kind))


@cache
def rooms() -> tuple[str, ...]:
    """Return the experiments, `crossmodal.experiments.<room>`, in the order of their PLACE and then by name."""
    folders = resources.files("crossmodal.experiments").iterdir()
    found = [f.name for f in folders if f.is_dir() and f.joinpath("params.py").is_file()]
    return tuple(sorted(found, key=lambda name: (room(name, "params").PLACE, name)))


def room(name: str, part: str) -> ModuleType:
    """Import and return a module of an experiment, such as its `params` or its `jobs`."""
    return import_module(room_module(name, part))


def room_module(name: str, part: str) -> str:
    """Return the dotted name of a module of an experiment."""
    return f"crossmodal.experiments.{name}.{part}"
