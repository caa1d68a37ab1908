"""What differs between the spec that a job ran with and the one it would run with now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; `recorded` or `current` is None where the key is absent there."""

    kind: str
    """`params`, `code`, `environment` or `input`."""
    key: str
    recorded: Any
    current: Any

    def __str__(self) -> str:
        if self.recorded is None:
            return f"{self.key} {_shown(self.current)} is new"
        if self.current is None:
            return f"{self.key} {_shown(self.recorded)} is gone"
        return f"{self.key} {_shown(self.recorded)} → {_shown(self.current)}"


def compare_specs(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> list[Difference]:
    """Return the differences of two specs: parameters, seed and threads first, then code, then packages."""
    found = []
    for kind, keys in (
        ("params", ("rule", "wildcards", "parameters", "seed", "threads")),
        ("code", ("code",)),
        ("environment", ("environment",)),
    ):
        for key in keys:
            old, new = dict(flatten(recorded.get(key), "")), dict(flatten(current.get(key), ""))
            for path in dict.fromkeys((*old, *new)):
                if old.get(path) != new.get(path):
                    found.append(Difference(kind, path or key, old.get(path), new.get(path)))
    return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any], above: str = "") -> list[str]:
    """Return the dotted names, two levels deep, of what is not the same in two manifests."""
    keys = []
    for key in dict.fromkeys((*one, *other)):
        old, new, path = one.get(key), other.get(key), f"{above}{key}"
        if old == new and (key in one) == (key in other):
            continue
        if not above and isinstance(old, Mapping) and isinstance(new, Mapping):
            keys += differing(old, new, f"{path}.")
        else:
            keys.append(path)
    return keys


def flatten(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) for everything in nested mappings; lists are values."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            # A module's name is a key with dots of its own; it is the only level of its mapping.
            yield from flatten(item, f"{path}.{key}" if path else str(key))
    elif value is not None:
        yield path, value


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
