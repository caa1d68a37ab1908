"""Names to modules. A kind is two files in a package: `<kind>.py` and, free of torch, `<kind>_params.py`.

Nothing is listed by hand and nothing is imported before it is used, so a new kind is two new files: it
touches no old module and therefore makes no old result stale.
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
    classes = tuple(import_module(f"crossmodal.{package}.{kind}_params").Params for kind in kinds(package))
    if len(classes) == 1:
        return classes[0]
    return Annotated[Union[classes], Field(discriminator="kind")]  # noqa: UP007 - built at run time


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
