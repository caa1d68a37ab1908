"""Which files a job would get under which argument, in which order: as its file of arguments has it.

Snakemake lists the files of a job without their names. The rules hand each job its arguments in a file that is
named after its content (study/arguments.py), so what stands there can be held against what a manifest recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.argument_files import is_as_named
from crossmodal.errors import UserError

Named = tuple[tuple[str, tuple[str, ...]], ...]
"""Files by the name of their argument, each list in its order; arguments without a file are left out."""


def read_named(path: Path, inputs: Collection[str], outputs: Collection[str]) -> tuple[Named, Named] | None:
    """Return inputs and outputs by argument name from the file at `path`; None if there is no such file.

    Which of the files named there are `inputs` and `outputs` is known from Snakemake; what is neither (the
    manifest, a folder for checkpoints, the spec) is left out. UserError if the file is not what its name says.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None  # it lies in a folder that cannot be written
    if not is_as_named(path.name, content):
        raise UserError(f"{path}: its content is not what its name says; `rm {path}`, and it is written anew")
    named = _by_name(content.decode().splitlines(), {*inputs, *outputs})
    return _of(named, inputs), _of(named, outputs)


def _by_name(lines: Sequence[str], files: Collection[str]) -> dict[str, list[str]]:
    """Group lines `name=path`, or `name=` and its paths one a line; a path may hold a `=` of its own."""
    named: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if name and line in files:
            named[name].append(line)
            continue
        name, _, value = line.partition("=")
        named[name] = [value] if value else []
    return named


def _of(named: Mapping[str, Sequence[str]], files: Collection[str]) -> Named:
    return tuple((name, tuple(paths)) for name, paths in named.items() if paths and set(paths) <= set(files))


def compare_named(
    side: str, recorded: Mapping[str, Sequence[Mapping[str, Any]]], current: Named | None
) -> list[str]:
    """Return one line for each argument on a side, `input` or `output`, that had other files than it would have.

    `recorded` is that side of a manifest. Nothing is said where the present arguments are not known, nor of two
    sides that do not hold the same files: that has lines of its own.
    """
    before = {name: tuple(entry["path"] for entry in listed) for name, listed in recorded.items() if listed}
    now = dict(current or ())
    if current is None or {p for paths in before.values() for p in paths} != {
        p for paths in now.values() for p in paths
    }:
        return []
    names = dict.fromkeys((*before, *now))
    pairs = ((name, before.get(name, ()), now.get(name, ())) for name in names)
    return [_difference(side, *pair) for pair in pairs if pair[1] != pair[2]]


def _difference(side: str, name: str, before: Sequence[str], now: Sequence[str]) -> str:
    if len(before) == len(now) == 1:
        return f"{side}: {name} was {before[0]}, is {now[0]}"
    if sorted(before) == sorted(now):
        return f"{side}s: order of {name} differs"
    return f"{side}s: {name} was another list of files ({len(before)}, is {len(now)})"
