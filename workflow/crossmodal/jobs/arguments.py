"""What a job is told: `name=value`, or `name=` and a list of values, each an argument; or all that in a file.

The signature of the job's `main` says which arguments there are: see `run`.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from crossmodal.argument_files import is_as_named
from crossmodal.errors import UserError

Kinds = dict[str, str]
"""What each argument of a job's `main` is, `input` or `spec` for example, by its name."""
Values = dict[str, list[str]]
"""What was given, by the name of the argument; `manifest` among them."""


def kinds_of(main: Callable[..., None]) -> Kinds:
    """Return what each argument of a job's `main` is, as its annotation says."""
    return {name: get_args(p.annotation)[1] for name, p in inspect.signature(main).parameters.items()}


def parse_arguments(arguments: list[str], kinds: Kinds) -> Values:
    """Group `name=value` and the bare values that follow it, of `@file` the lines of that file.

    Raises UserError unless every expected name is there.
    """
    values: Values = {}
    name = ""
    for argument in expand_files(arguments):
        head, equals, tail = argument.partition("=")
        if equals and (head in kinds or head == "manifest"):
            name = head
            values[name] = [tail] if tail else []
        elif name:
            values[name].append(argument)
        else:
            raise UserError(f"argument {argument!r}: expected name=value with a name of {', '.join(kinds)}")
    if missing := [k for k in [*kinds, "manifest"] if k not in values]:
        raise UserError(f"missing arguments: {', '.join(missing)}")
    return values


def expand_files(arguments: list[str]) -> list[str]:
    """Return `arguments` with each `@file` replaced by the lines of that file.

    A file that the workflow wrote is named after its content: one that says something else is refused, since what
    ran would not be what the workflow asked for.
    """
    found = []
    for argument in arguments:
        if not argument.startswith("@"):
            found.append(argument)
            continue
        path = Path(argument[1:])
        try:
            content = path.read_bytes()
            lines = content.decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UserError(
                f"{path}: the job's arguments cannot be read ({reason}); run the study again"
            ) from None
        if not is_as_named(path.name, content):
            raise UserError(f"{path}: the job's arguments were changed; run the study again")
        found += lines
    return found
