"""The ledger: all manifests of the published studies in one sorted file, committed beside dvc.lock.

It lets a number be traced, and a verdict on what is current be given, before any data is fetched.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from crossmodal.errors import UserError
from crossmodal.provenance.manifest import read_manifest
from crossmodal.provenance.shape import problem

LEDGER = Path("ledger.jsonl")
"""One line a manifest: `manifest` is its path, the rest is what stands in it."""

Manifest = dict[str, Any]


def find_manifests(folders: Iterable[Path]) -> dict[str, Manifest]:
    """Return the manifests below `folders`, by their path; UserError names one that cannot be read.

    Those in a study's crate are copies and left out.
    """
    paths = (
        path
        for folder in folders
        for path in folder.rglob("*manifest.json")
        if not path.relative_to(folder).parts[0].lstrip(".").startswith("crate")
    )
    return {str(path): read_manifest(path) for path in sorted(paths)}


def study_folders(study: str) -> tuple[Path, Path]:
    """Return the two folders in which everything of a study lies."""
    return Path("data") / study, Path("results") / study


def write_ledger(path: Path, manifests: Mapping[str, Manifest]) -> None:
    """Write `manifests` to `path`, one line each, sorted by path, so that a diff shows which job changed."""
    lines = [
        json.dumps({"manifest": name, **manifests[name]}, sort_keys=True, separators=(",", ":"))
        for name in sorted(manifests)
    ]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(f"{line}\n" for line in lines))
    temporary.replace(path)


def update_ledger(path: Path, folders: Iterable[Path], manifests: Mapping[str, Manifest]) -> None:
    """Put `manifests` in the place of those that the ledger at `path` has below `folders`."""
    replaced = tuple(folders)
    kept = {
        name: manifest
        for name, manifest in read_ledger(path).items()
        if not any(Path(name).is_relative_to(folder) for folder in replaced)
    }
    write_ledger(path, {**kept, **manifests})


def read_ledger(path: Path = LEDGER) -> dict[str, Manifest]:
    """Return the manifests in the ledger at `path`, by their path; none where there is no ledger."""
    if not path.exists():
        return {}
    manifests: dict[str, Manifest] = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); `git checkout {path}` restores it") from None
    for number, line in enumerate(lines, start=1):
        try:
            manifest = json.loads(line)
            name = manifest.pop("manifest")
            if not isinstance(name, str) or name in manifests:
                raise ValueError(f"{name!r} is {'here twice' if name in manifests else 'no path'}")
            manifests[name] = manifest
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise UserError(
                f"{path}, line {number}: not a manifest ({error}); `git checkout {path}` restores it"
            ) from None
    return manifests


def published_manifests(names: Collection[str], path: Path = LEDGER) -> dict[str, Manifest]:
    """Return those of `names` that are in the ledger; UserError for one in which something is missing."""
    found = {name: manifest for name, manifest in read_ledger(path).items() if name in names}
    for name, manifest in found.items():
        if wrong := problem(manifest):
            raise UserError(f"{path}: not a manifest of {name} ({wrong}); `git checkout {path}` restores it")
    return found


def entries(manifest: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    """Return the files (path, md5, bytes) on one side, `inputs` or `outputs`, of a manifest."""
    return [entry for listed in manifest[side].values() for entry in listed]
