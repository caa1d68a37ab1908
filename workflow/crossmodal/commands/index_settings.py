"""What `crossmodal index --kind KIND --set KEY=VALUE` says, as the typed parameters of a kind of index."""

from collections.abc import Sequence
from typing import Any

import yaml

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.parameters import nearest
from crossmodal.search.settings import IndexParameters, InvertedParameters
from crossmodal.study.configuration import validate

SMALL = 10_000
"""Vectors below which exhaustive search takes a millisecond or two, and is what an index is without --kind."""
CODE, LEAST_WIDTH = 64, 4
"""Subquantisers at most, and dimensions of one at least, where --set m is not given."""


def default_kind(count: int) -> str:
    """Return the kind of index of `count` vectors where none is asked for."""
    return "flat" if count < SMALL else "ivf_pq"


def index_parameters(kind: str, assignments: Sequence[str], dimension: int) -> IndexParameters:
    """Return the parameters of `kind` for vectors of `dimension`, with `assignments` such as "nlist=1024".

    A dot reaches into a group ("refinement.precision=int8"), "null" is none. What is not given: m is the largest
    number up to 64 that divides the dimension into parts of 4 or more, and inverted lists are refined from half
    precision. Raises UserError for what no index of that kind understands.
    """
    known = registry.kinds("search")
    if kind not in known:
        raise UserError(f"--kind: {nearest(kind, known, 'kind of index')}")
    model = registry.kind_class("search", kind)
    given: dict[str, Any] = {}
    for assignment in assignments:
        _assign(given, assignment)
    if issubclass(model, InvertedParameters):
        given.setdefault("refinement", {"precision": "float16"})
    if "m" in model.model_fields and "m" not in given:
        given["m"] = default_m(dimension)
    found: IndexParameters = validate(model, {"kind": kind, **given}, f"--kind {kind} --set")
    return found


def default_m(dimension: int) -> int:
    """Return the largest number up to 64 that divides `dimension` into parts of 4 or more, or 1."""
    fitting = [m for m in range(1, CODE + 1) if dimension % m == 0 and dimension // m >= LEAST_WIDTH]
    return max(fitting, default=1)


def _assign(given: dict[str, Any], assignment: str) -> None:
    """Put the value of "KEY=VALUE" or "GROUP.KEY=VALUE" into `given`; the value is read as YAML."""
    key, equals, text = assignment.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise UserError(f"--set {assignment}: expected KEY=VALUE, such as nlist=1024")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {assignment}: {text!r} is no value") from None
    group = given
    for name in names[:-1]:
        group = group.setdefault(name, {})
        if not isinstance(group, dict):
            raise UserError(f"--set {assignment}: {name} was given as a whole before")
    if names[-1] in group:
        raise UserError(f"--set {assignment}: {key.strip()} is given twice")
    group[names[-1]] = value
