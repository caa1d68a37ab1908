"""How a job module is run: `python -m crossmodal.jobs.NAME input=path ... output=path ... spec=JSON`.

The signature of the job's `main` says what it takes: `In`, `Ins` and `Out` are paths, `Folder` is a scratch
folder that survives an interruption, `spec` is the job's parameters. A job reads nothing else.
"""

import hashlib
import inspect
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import psutil

from crossmodal.determinism import prepare
from crossmodal.errors import UserError
from crossmodal.provenance.manifest import build_manifest, now, write_manifest

In = Annotated[Path, "input"]
Ins = Annotated[list[Path], "inputs"]
Out = Annotated[Path, "output"]
Folder = Annotated[Path, "folder"]
Spec = Annotated[dict[str, Any], "spec"]


def run(main: Callable[..., None]) -> None:
    """Run `main` with the process's arguments and end the process: 0, or 1 after one line for the user.

    Outputs are written to a partial folder beside their place and moved there together at the end, the
    manifest last, so that an interrupted job leaves nothing that looks finished.
    """
    kinds = {name: get_args(p.annotation)[1] for name, p in inspect.signature(main).parameters.items()}
    try:
        _execute(main, kinds, _parse(sys.argv[1:], kinds))
    except UserError as error:
        sys.exit(f"error: {error}")


def _parse(arguments: list[str], kinds: dict[str, str]) -> dict[str, list[str]]:
    """Group `name=value` and the bare values that follow it; every expected name must be there."""
    values: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
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


def _execute(main: Callable[..., None], kinds: dict[str, str], values: dict[str, list[str]]) -> None:
    started = now()
    spec: dict[str, Any] = json.loads(values["spec"][0])
    print(f"{spec['rule']} {spec['wildcards']}", file=sys.stderr, flush=True)
    inputs = {n: [Path(v) for v in values[n]] for n, kind in kinds.items() if kind in ("input", "inputs")}
    for path in (p for paths in inputs.values() for p in paths):
        if not path.exists():
            raise UserError(f"{path}: no such file; the job that writes it has not run")
    manifest_path = Path(values["manifest"][0])
    partial = _partial_folder(manifest_path.parent)
    finals = {name: Path(values[name][0]) for name, kind in kinds.items() if kind == "output"}
    outputs = {name: (partial / path.name, path) for name, path in finals.items()}
    call: dict[str, Any] = {name: temporary for name, (temporary, _) in outputs.items()}
    for name, kind in kinds.items():
        if kind == "input":
            call[name] = inputs[name][0]
        elif kind == "inputs":
            call[name] = inputs[name]
        elif kind == "folder":
            call[name] = Path(values[name][0]) / _digest(spec)
        elif kind == "spec":
            call[name] = spec
    try:
        prepare(spec["threads"], spec["seed"])
        main(**call)
        manifest = build_manifest(spec, inputs, outputs, started)
        write_manifest(partial / manifest_path.name, manifest)
        for temporary, final in outputs.values():
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(final)
        (partial / manifest_path.name).replace(manifest_path)
    except OSError as error:
        raise UserError(f"{error.filename or manifest_path.parent}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for name, kind in kinds.items():
        if kind == "folder":
            shutil.rmtree(values[name][0], ignore_errors=True)  # the result is safe now


def _digest(spec: dict[str, Any]) -> str:
    """Key a scratch folder by what the job is to do: checkpoints of other parameters are not looked at."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def _partial_folder(parent: Path) -> Path:
    """Make the folder that outputs are written to, and remove those of killed jobs on this machine."""
    host = socket.gethostname()
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for old in parent.glob(f".partial-{host}-*"):
            if not psutil.pid_exists(int(old.name.rpartition("-")[2])):
                shutil.rmtree(old, ignore_errors=True)
        folder = parent / f".partial-{host}-{os.getpid()}"
        folder.mkdir()
    except OSError as error:
        raise UserError(f"{parent}: cannot be written ({error.strerror})") from error
    return folder
