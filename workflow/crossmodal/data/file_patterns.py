"""Files named one by one, by ranges in braces or by wildcards. Free of torch and pandas."""

import glob
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from crossmodal.data.file_dataset import SplitName
from crossmodal.errors import UserError

Patterns: TypeAlias = list[str] | dict[SplitName, list[str]]
"""Names of files, or those of each split."""

MAX_FILES = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def braces(pattern: str) -> list[str]:
    """Return what a shell makes of the braces in `pattern`: "a{00..12}" is 13 names, "{a,b}" two.

    Braces around anything else stay as they are. Raises UserError where that is more than MAX_FILES names.
    """
    pending, found = [pattern], list[str]()
    while pending:
        name = pending.pop()
        if choices := _first_choice(name):
            pending.extend(reversed(choices))
        else:
            found.append(name)
        if len(pending) + len(found) > MAX_FILES:
            raise UserError(f"{pattern}: names more than {MAX_FILES} files")
    return list(dict.fromkeys(found))


def _first_choice(name: str) -> list[str]:
    """Return `name` with each option of its first braces in their place, [] where it has no braces of a shell."""
    for match in _BRACES.finditer(name):
        if options := _options(match[1], name):
            return [f"{name[: match.start()]}{option}{name[match.end() :]}" for option in options]
    return []


def _options(inside: str, pattern: str) -> list[str]:
    """Return what braces with `inside` stand for, [] where they are no braces of a shell."""
    if match := _RANGE.fullmatch(inside):
        first, last = int(match[1]), int(match[2])
        if abs(last - first) >= MAX_FILES:
            raise UserError(f"{pattern}: names more than {MAX_FILES} files")
        padded = any(len(end) > 1 and end.startswith("0") for end in match.groups())
        width = max(map(len, match.groups())) if padded else 0
        step = 1 if first <= last else -1
        return [f"{number:0{width}}" for number in range(first, last + step, step)]
    return inside.split(",") if "," in inside else []


def expand(patterns: Iterable[str]) -> list[str]:
    """Return the files that `patterns` name, each once, those of a wildcard sorted.

    A name that a file has is that file, whatever brackets are in it; wildcards that match nothing name nothing,
    other names are returned whether a file has them or not.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        for name in [pattern] if Path(pattern).is_file() else braces(pattern):
            wild = glob.has_magic(name) and not Path(name).is_file()
            found |= dict.fromkeys(sorted(glob.glob(name, recursive=True)) if wild else [name])  # noqa: PTH207
    return list(found)


def named(key: str, patterns: Patterns) -> dict[str, str]:
    """Return name -> path of the files that the parameter `key` names, as `files()` of a kind has them."""
    parts = patterns if isinstance(patterns, dict) else {"": patterns}
    return {
        f"{key}.{split}.{number:06}" if split else f"{key}.{number:06}": path
        for split, own in parts.items()
        for number, path in enumerate(expand(own))
    }


def of_split(key: str, sources: Mapping[str, Path]) -> list[tuple[str | None, Path]]:
    """Return the split, None where there is none, and the path of each file that `named` has named.

    Raises UserError where there is none, or where one file is in two splits.
    """
    found: list[tuple[str | None, Path]] = []
    for name, path in sources.items():
        if name.startswith(f"{key}."):
            split = name.removeprefix(f"{key}.").rpartition(".")[0]
            found.append((split or None, path))
    if not found:
        raise UserError(f"{key}: no file matches; give paths of files, with * or {{00..12}} for many")
    seen: set[Path] = set()
    for _, path in found:
        if path in seen:
            raise UserError(f"{key}: {path} is named in two splits; a file belongs to one")
        seen.add(path)
    return found
