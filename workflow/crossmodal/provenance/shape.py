"""What a manifest must have for audits, plans and restores to read it: what is missing is told in one line."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

TEXT, NUMBER, MAPPING = str, int, Mapping
FIELDS: Mapping[str, type] = {
    "rule": TEXT, "wildcards": MAPPING, "spec": MAPPING, "inputs": MAPPING, "outputs": MAPPING,
    "seed": NUMBER, "threads": NUMBER, "device": TEXT, "versions": MAPPING, "platform": TEXT,
    "started": TEXT, "ended": TEXT, "peak_memory_bytes": NUMBER, "commit": TEXT,
}  # fmt: skip
SPEC: Mapping[str, type] = {
    "rule": TEXT, "wildcards": MAPPING, "parameters": MAPPING, "seed": NUMBER, "threads": NUMBER,
    "code": MAPPING, "environment": MAPPING,
}  # fmt: skip
ENTRY: Mapping[str, type] = {"path": TEXT, "md5": TEXT, "bytes": NUMBER}
WORDS = {TEXT: "text", NUMBER: "a whole number", MAPPING: "a mapping"}


def problem(manifest: Any) -> str | None:
    """Return what keeps a value that was read from JSON from being a manifest; None if nothing does."""
    if not isinstance(manifest, Mapping):
        return "it is no mapping"
    return next(_problems(manifest), None)


def _problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield from _fields(manifest, FIELDS, "")
    if "dirty" not in manifest:
        yield "dirty is missing"
    yield from _fields(manifest["spec"], SPEC, "spec.")
    for key in ("started", "ended"):
        yield from _time(key, manifest[key])
    for side in ("inputs", "outputs"):
        for name, listed in manifest[side].items():
            if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
                yield f"{side}.{name} is no list of files"
                return
            for i, entry in enumerate(listed):
                yield from _fields(entry, ENTRY, f"{side}.{name}[{i}].")
    kept = manifest.get("resumed_from", [])
    if not isinstance(kept, list) or not all(isinstance(name, str) for name in kept):
        yield "resumed_from is no list of names"


def _fields(values: Mapping[str, Any], expected: Mapping[str, type], above: str) -> Iterator[str]:
    for key, kind in expected.items():
        if key not in values:
            yield f"{above}{key} is missing"
        elif not isinstance(values[key], kind) or isinstance(values[key], bool):
            yield f"{above}{key} is not {WORDS[kind]}"


def _time(key: str, text: str) -> Iterator[str]:
    try:
        if datetime.fromisoformat(text).tzinfo is None:
            yield f"{key} has no time zone"
    except ValueError:
        yield f"{key} is no time"
