"""Base of every typed parameter, and the units they share. Free of torch: the Snakefile imports it."""

from collections.abc import Iterable
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T", int, str)


class Parameters(BaseModel):
    """A frozen group of parameters: unknown keys are errors and nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        """Name the nearest key for one that is misspelt; pydantic's own message does not."""
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                problem = nearest(key, cls.model_fields, "key here")
                raise PydanticCustomError("unknown_key", "{problem}", {"problem": problem})
        return values


def _from_ratio(value: Any) -> Any:
    """Read "8/255" as the number it is, because that is how the papers write it."""
    if isinstance(value, str) and "/" in value:
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            return value
    return value


def _written(**limits: float) -> WithJsonSchema:
    """Return what the schema of params.yaml says of a number that may also be written as a ratio."""
    ratio = {"type": "string", "pattern": r"^ *[0-9.]+ */ *[0-9.]+ *$"}
    return WithJsonSchema({"anyOf": [{"type": "number", **limits}, ratio]})


Share = Annotated[float, BeforeValidator(_from_ratio), Field(ge=0, le=1), _written(minimum=0, maximum=1)]
"""A number between 0 and 1, written as a decimal or as a ratio such as "8/255"."""

Positive = Annotated[float, BeforeValidator(_from_ratio), Field(gt=0), _written(exclusiveMinimum=0)]
"""A number above 0, written as a decimal or as a ratio."""

NotNegative = Annotated[float, BeforeValidator(_from_ratio), Field(ge=0), _written(minimum=0)]
"""A number from 0, written as a decimal or as a ratio."""

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1."""

Severity = Annotated[int, Field(ge=1, le=5)]
"""Strength of a shift, 1 (hardly visible) to 5 (severe), as in Hendrycks and Dietterich (2019)."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""A name that stands in paths and number ids: lower case, digits, dot, dash, underscore."""


def _each_once(values: list[int]) -> list[int]:
    return _distinct(values, "seed")


def _names_once(values: list[str]) -> list[str]:
    return _distinct(values, "name")


def _distinct(values: list[T], what: str) -> list[T]:
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        listed = ", ".join(map(str, values))
        raise ValueError(f"got [{listed}], with {twice[0]} more than once; accepts each {what} once")
    return values


Names = Annotated[list[Name], Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_names_once)]
"""Names, each once: what is named twice would be counted twice."""

Seeds = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1), AfterValidator(_each_once)
]
"""Training seeds from 0, as they stand in paths, each once: a repeated one would be one result counted twice, and
so would one of more than 32 bits, of which generators see no more."""


def merge(base: Any, over: Any) -> Any:
    """Return `base` with `over` laid on it: mappings merge, lists and all else replace.

    A mapping of another `kind` replaces the old one whole, and an entry whose overlay is null is removed
    when it was a mapping. Keys keep their places, so that an overlay does not reorder the grid.
    """
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    if "kind" in base and "kind" in over and base["kind"] != over["kind"]:
        return over
    merged = {key: merge(value, over[key]) if key in over else value for key, value in base.items()}
    merged |= {key: value for key, value in over.items() if key not in base}
    return {
        key: value for key, value in merged.items() if not (value is None and isinstance(base.get(key), dict))
    }


def inherit(values: Any, shared: str, entries: str) -> Any:
    """Return `values` in which each mapping in `entries` has its key `shared` laid on that of `values` itself.

    What is no mapping stays as it is, for the types to say so.
    """
    if not isinstance(values, dict) or not isinstance(values.get(entries), dict):
        return values
    common = values.get(shared) or {}
    found = {
        name: own | {shared: merge(common, own.get(shared) or {})} if isinstance(own, dict) else own
        for name, own in values[entries].items()
    }
    return values | {entries: found}


def nearest(got: str, accepted: Iterable[str], what: str) -> str:
    """Return one line that says what `got` is, which names are accepted and which of them is nearest."""
    names = list(accepted)
    close = get_close_matches(str(got), names, n=1, cutoff=0.5)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'got "{got}", which is no {what}{hint} (accepts: {", ".join(names) or "none"})'


class Check(NamedTuple):
    """Names that must be known: null stands for a name that is not given."""

    key: str
    """The parameter that gives them."""
    names: Iterable[str | None]
    known: Iterable[str]
    what: str
    """What each of them is to be, such as "cell"."""
