"""The manifest of a job: what ran, from what, to what. Written last, beside the job's outputs."""

import json
import platform
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossmodal.errors import UserError
from crossmodal.provenance.closure import ROOT
from crossmodal.provenance.digests import cached_md5
from crossmodal.provenance.git import head
from crossmodal.provenance.shape import problem

FORMAT = 2


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def build_manifest(
    spec: dict[str, Any],
    inputs: dict[str, list[Path]],
    outputs: dict[str, list[tuple[Path, Path]]],
    timed: set[str],
    started: str,
    resumed_from: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the manifest of the job that `spec` describes and that has just ended in this process.

    `inputs` are paths by argument name; `outputs` are (where the bytes are now, where they will be); those
    in `timed` hold measured times, so that nobody expects the same bytes of another run. Memory is in bytes,
    times in UTC. The machine stands here and only here: never in a spec. `resumed_from` are the files in the
    job's scratch folder when it began; a job that began afresh has no such key.
    """
    commit, dirty = head(ROOT)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "format": FORMAT,
        "rule": spec["rule"],
        "wildcards": spec["wildcards"],
        "spec": spec,
        "inputs": {name: [_entry(path, path) for path in paths] for name, paths in inputs.items()},
        "outputs": {
            name: [_entry(*pair) | ({"timed": True} if name in timed else {}) for pair in pairs]
            for name, pairs in outputs.items()
        },
        "seed": spec["seed"],
        "threads": spec["threads"],
        "device": _device(),
        "versions": {"python": platform.python_version(), **spec["environment"]},
        "platform": platform.platform(),
        "started": started,
        "ended": now(),
        "peak_memory_bytes": memory if sys.platform == "darwin" else memory * 1024,
        "commit": commit,
        "dirty": dirty,
        **({"resumed_from": list(resumed_from)} if resumed_from else {}),
    }


def _entry(present: Path, final: Path) -> dict[str, Any]:
    return {"path": str(final), "md5": cached_md5(present), "bytes": present.stat().st_size}


def _device() -> str:
    torch = sys.modules.get("torch")  # a job that never imported torch used no accelerator
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else "cpu"


def render_manifest(manifest: dict[str, Any]) -> str:
    """Return `manifest` as indented JSON, equal text for equal manifests."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write `manifest` to `path`."""
    path.write_text(render_manifest(manifest), encoding="utf-8")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest at `path`; UserError with one line if it is missing or broken."""
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such manifest; run the study again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(_broken(path, str(error))) from None
    if wrong := problem(manifest):
        raise UserError(_broken(path, wrong))
    return manifest


def _broken(path: Path, reason: str) -> str:
    return f"{path}: not a manifest ({reason}); `rm {path}` and run the study again"
