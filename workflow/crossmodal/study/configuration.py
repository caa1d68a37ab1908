"""Reading params.yaml and its overlays, and saying in one line what is wrong with them."""

import os
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.parameters import Parameters

P = TypeVar("P", bound=Parameters)

_PACKAGES = {
    "datasets": "data", "shifts": "shifts", "models": "models", "method": "adaptation", "images": "attacks",
    "texts": "attacks", "attack": "attacks", "indexes": "search", "methods": "classifiers", "update": "updates",
}  # fmt: skip
"""The keys below which a mapping names its kind, and the package that has the kinds (registry.kinds)."""


class _Twice(yaml.YAMLError):
    """A key stands twice in one mapping; its arguments are the line of the second and the key."""


class _OnceLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, of which YAML would take the last without a word.

    Looked at is what is written: a key beside `<<: *anchor` that is also in what is merged stands once.
    """

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (value := self.construct_object(key)) in seen:
                raise _Twice(key.start_mark.line + 1, key.value)
            seen.add(value)
        return node


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in the YAML file at `path`.

    UserError with file, line and problem for what is no YAML or no mapping, and for a key that stands twice.
    """
    try:
        values = yaml.load(path.read_text(), _OnceLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run from the repository's folder") from None
    except _Twice as error:
        line, key = error.args
        raise UserError(f"{path}:{line}: {key!r} stands twice") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}, line {line}: not valid YAML ({error.problem})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping of parameters, got {type(values).__name__}")
    return values


def typed_scalars(values: Any) -> Any:
    """Return `values` with every text that is another YAML scalar as that scalar.

    Snakemake hands over what stands inside a mapping on its command line (`--config "a={'b': 4}"`) as text.
    """
    if isinstance(values, dict):
        return {key: typed_scalars(value) for key, value in values.items()}
    if isinstance(values, list):
        return [typed_scalars(value) for value in values]
    if isinstance(values, str):
        try:
            scalar = yaml.safe_load(values)
        except yaml.YAMLError:
            return values
        return scalar if isinstance(scalar, int | float) or values == "null" else values
    return values


def validate(model: type[P], values: dict[str, Any], where: str) -> P:
    """Return `values` as a `model`; UserError names the first wrong key, what it got and what it accepts."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_describe(model, error, where, values)) from None


def _describe(model: type[Parameters], error: ValidationError, where: str, values: Any) -> str:
    errors = error.errors(include_url=False)
    first = errors[0]
    key = ".".join(str(part) for part in _visible(first["loc"], first["input"], error))
    line = f"{where}: {key + ': ' if key else ''}{_problem(first)}{_meant(first, values)}"
    others = len(errors) - 1
    line += f" (and {others} more error{'s'[: others > 1]})" if others else ""
    return " ".join(line.split())


def _visible(location: tuple[int | str, ...], _input: Any, error: ValidationError) -> list[int | str]:
    """Drop the union tags that pydantic puts into a location: they are no keys of the file."""
    tags = {kind for package in _PACKAGES.values() for kind in registry.kinds(package)}
    parents = ("method", "images", "texts", "attack", "update")
    visible: list[int | str] = []
    for i, part in enumerate(location):
        named = i >= 2 and location[i - 2] in ("datasets", "shifts", "models", "indexes", "methods")
        if part in tags and i > 0 and (location[i - 1] in parents or named):
            continue
        visible.append(part)
    return visible


def _meant(error: Any, values: Any) -> str:
    """Return a question where an entry is incomplete because its name is a misspelling of another's beside it."""
    if error["type"] not in ("missing", "union_tag_not_found"):
        return ""
    entries: list[tuple[dict[str, Any], str]] = []  # each key on the way and the mapping that it stands in
    for part in error["loc"]:
        if isinstance(values, dict) and part in values:
            entries.append((values, part))
            values = values[part]
    if not entries:
        return ""
    beside, name = entries[-1]
    close = get_close_matches(name, [other for other in beside if other != name], n=1, cutoff=0.8)
    return f'; did you mean "{close[0]}" by "{name}"?' if close else ""


def _problem(error: Any) -> str:
    kind, got, context = error["type"], error["input"], error.get("ctx", {})
    shown = repr(got) if not isinstance(got, dict | list) else f"a {type(got).__name__}"
    if kind in ("unknown_key", "unknown_name"):
        return str(error["msg"])
    if kind == "value_error":
        return f"{error['msg'].removeprefix('Value error, ')}"
    if kind == "missing":
        return "is missing; it has no default"
    if kind == "too_short":
        return f"got {context['actual_length']} of them; accepts at least {context['min_length']}"
    if kind == "union_tag_not_found":
        package = next((_PACKAGES[part] for part in reversed(error["loc"]) if part in _PACKAGES), None)
        kinds = f", one of {', '.join(registry.kinds(package))}" if package else ""
        return f"has no kind; accepts a mapping with kind: KIND{kinds}"
    if kind == "union_tag_invalid":
        return _with_nearest(f"kind: got {context['tag']!r}", context["tag"], context["expected_tags"])
    if kind == "literal_error":
        return _with_nearest(f"got {shown}", str(got), context["expected"].replace(" or ", ", "))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"got {shown}; accepts a mapping"
    if kind in ("float_type", "int_type") and isinstance(got, str) and (written := _in_yaml(got)):
        return f"got {shown}, which YAML takes for text; write {written}"
    wanted = error["msg"].removeprefix("Input should be ").replace("a valid integer", "an integer")
    wanted = wanted.replace("a valid ", "a ")
    return f"got {shown}; accepts {wanted[0].lower() + wanted[1:]}"


def _in_yaml(number: str) -> str:
    """Return a number with an exponent as YAML reads it, with a point and a sign; nothing if it is none."""
    mantissa, _, exponent = number.strip().lower().partition("e")
    try:
        float(f"{mantissa}e{int(exponent)}")
    except ValueError:
        return ""
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"


def _with_nearest(got: str, value: str, accepted: str) -> str:
    names = [name.strip().strip("'") for name in accepted.split(",")]
    close = get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f"{got}{hint}; accepts {', '.join(names)}"


def use_this_interpreter() -> None:
    """Let `python -m crossmodal.jobs...` be the interpreter that runs now, whether it is activated or not.

    It looks for no module in the folder that it is started in: a file there that is named like a package would be
    imported in the package's stead, and is in no job's spec.
    """
    folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["PYTHONSAFEPATH"] = "1"


ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": 2**30, "MALLOC_TRIM_THRESHOLD_": 2**32, "MALLOC_TOP_PAD_": 2**26}
"""What glibc's malloc reads, bytes (mallopt(3)): only larger blocks come from the kernel, only more free memory
goes back to it, so much is asked for at once."""


def keep_freed_memory() -> None:
    """Let jobs keep the memory that they free for what comes next; what the user has set stays.

    By default blocks of some megabytes, a batch of images, go back to the kernel at every step and come again as
    cleared pages: some 6 % of the time of training on these towers. Results are the same to the bit.
    """
    for name, size in ALLOCATOR.items():
        os.environ.setdefault(name, str(size))
