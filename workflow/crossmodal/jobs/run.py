"""How a job module is run: `python -m MODULE input=path ... output=path ... spec=JSON`.

Or `python -m MODULE @FILE` with the same arguments in a file, one a line: no command line grows with the study.

The signature of the job's `main` says what it takes: `In`, `Ins`, `Out` and `Outs` are paths, `Timed` is an
output that holds measured times and so differs from run to run, `Folder` is a scratch folder that survives an
interruption, `spec` is the job's parameters. A job reads nothing else; what it found in its scratch folder, its
manifest says.

A job of several processes is one that `crossmodal.jobs.torchrun` starts: each calls `main`, the first one writes.
"""

import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psutil

from crossmodal.determinism import prepare
from crossmodal.errors import UserError
from crossmodal.jobs import workers
from crossmodal.jobs.accelerators import claim_accelerator
from crossmodal.jobs.arguments import Kinds, Values, kinds_of, parse_arguments
from crossmodal.jobs.lock import job_lock
from crossmodal.jobs.refusals import broken_input, refusal
from crossmodal.provenance.digests import md5_of
from crossmodal.provenance.manifest import build_manifest, now, read_manifest, write_manifest

In = Annotated[Path, "input"]
Ins = Annotated[list[Path], "inputs"]
Out = Annotated[Path, "output"]
Outs = Annotated[list[Path], "outputs"]
Timed = Annotated[Path, "timed"]
Folder = Annotated[Path, "folder"]
Spec = Annotated[dict[str, Any], "spec"]
OUTPUTS = ("output", "outputs", "timed")


def run(main: Callable[..., None], *, accelerated: bool = False) -> None:
    """Run `main` with the process's arguments and end the process: 0, or 1 after one line for the user.

    A job that is `accelerated` first claims a GPU for itself, where there is one; torchrun does that for several
    processes, and says what one of them failed with.

    Outputs are written to a partial folder beside their place and moved there together at the end, the
    manifest last, so that an interrupted job leaves nothing that looks finished. Where another process does
    the same job (Snakemake was killed and its job lives on), this one waits for it and keeps what it wrote
    if that is the same job's.
    """
    kinds = kinds_of(main)
    try:
        values = parse_arguments(sys.argv[1:], kinds)
        if workers.is_one():
            workers.join()
        elif accelerated:
            claim_accelerator()
        _execute(main, kinds, values)
    except UserError as error:
        if workers.is_one():
            workers.fail(error)
        sys.exit(f"error: {error}")
    except Exception as error:
        if workers.is_one():
            workers.fail(error)
        raise
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to do, and taking torch apart takes a second


def _execute(main: Callable[..., None], kinds: Kinds, values: Values) -> None:
    started = now()
    spec: dict[str, Any] = json.loads(values["spec"][0])
    if workers.is_first():
        print(f"{spec['rule']} {spec['wildcards']}", file=sys.stderr, flush=True)
    inputs = {n: [Path(v) for v in values[n]] for n, kind in kinds.items() if kind in ("input", "inputs")}
    for path in (p for paths in inputs.values() for p in paths):
        if not path.exists():
            raise UserError(f"{path}: no such file; the job that writes it has not run")
    manifest_path = Path(values["manifest"][0])
    try:
        if not workers.is_first():
            _take_part(main, kinds, values, spec)
            return
        with job_lock(manifest_path) as waited:
            done = waited and _is_done(manifest_path, spec, inputs, _finals(kinds, values))
            workers.tell(done)
            if done:
                print("the process before has done this job; its outputs are kept", file=sys.stderr)
                return
            _write_outputs(main, kinds, values, spec, inputs, manifest_path, started)
    except UserError:
        raise
    except Exception as error:
        if reason := refusal(error):
            where = getattr(error, "filename", None) or manifest_path.parent
            raise UserError(f"{where}: {reason}") from error
        if reason := broken_input([path for paths in inputs.values() for path in paths]):
            raise UserError(reason) from error
        raise


def _write_outputs(
    main: Callable[..., None],
    kinds: Kinds,
    values: Values,
    spec: dict[str, Any],
    inputs: dict[str, list[Path]],
    manifest_path: Path,
    started: str,
) -> None:
    """Call `main`, then move its outputs and the manifest to their places."""
    partial = _partial_folder(manifest_path.parent)
    outputs = {
        name: [(partial / f"{name}-{i}" / final.name, final) for i, final in enumerate(finals)]
        for name, finals in _finals(kinds, values).items()
    }
    moves = [pair for pairs in outputs.values() for pair in pairs]
    call = {name: _argument(kind, name, values, outputs, spec) for name, kind in kinds.items()}
    kept = _kept([call[name] for name, kind in kinds.items() if kind == "folder"])
    if kept:
        print(f"goes on from what an interrupted run kept: {', '.join(kept)}", file=sys.stderr, flush=True)
    try:
        for temporary, final in moves:
            temporary.parent.mkdir()
            final.parent.mkdir(parents=True, exist_ok=True)
        prepare(spec["threads"], spec["seed"])
        main(**call)
        timed = {name for name, kind in kinds.items() if kind == "timed"}
        manifest = build_manifest(spec, inputs, outputs, timed, started, kept)
        write_manifest(partial / manifest_path.name, manifest)
        for temporary, final in moves:
            temporary.replace(final)
        (partial / manifest_path.name).replace(manifest_path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # on a full disk this is the room for the message
    for name, kind in kinds.items():
        if kind == "folder":
            shutil.rmtree(values[name][0], ignore_errors=True)  # the result is safe now


def _take_part(main: Callable[..., None], kinds: Kinds, values: Values, spec: dict[str, Any]) -> None:
    """Call `main` for its work alone, once the first process says that it is to be done: outputs are dropped."""
    if workers.tell():
        return
    with tempfile.TemporaryDirectory() as folder:
        outputs = {
            name: [(Path(folder) / f"{name}-{i}-{final.name}", final) for i, final in enumerate(finals)]
            for name, finals in _finals(kinds, values).items()
        }
        prepare(spec["threads"], spec["seed"])
        main(**{name: _argument(kind, name, values, outputs, spec) for name, kind in kinds.items()})


def _finals(kinds: Kinds, values: Values) -> dict[str, list[Path]]:
    """Return the places of the outputs, by argument name."""
    return {name: [Path(value) for value in values[name]] for name, kind in kinds.items() if kind in OUTPUTS}


def _is_done(
    manifest_path: Path, spec: dict[str, Any], inputs: dict[str, list[Path]], outputs: dict[str, list[Path]]
) -> bool:
    """Return whether the manifest is of this very job and every file is as it says."""
    try:
        manifest = read_manifest(manifest_path)
    except UserError:
        return False
    if manifest["spec"] != spec:
        return False
    recorded = {
        (name, Path(entry["path"])): entry["md5"]
        for side in ("inputs", "outputs")
        for name, entries in manifest[side].items()
        for entry in entries
    }
    files = {(name, path) for name, paths in (inputs | outputs).items() for path in paths}
    digests = md5_of(path for _, path in files)
    return files == recorded.keys() and all(digests[path] == digest for (_, path), digest in recorded.items())


def _argument(
    kind: str,
    name: str,
    values: Values,
    outputs: dict[str, list[tuple[Path, Path]]],
    spec: dict[str, Any],
) -> Any:
    """Return what `main` gets for one of its arguments: where outputs are concerned, their temporary places."""
    paths = (
        [temporary for temporary, _ in outputs[name]] if kind in OUTPUTS else list(map(Path, values[name]))
    )
    if kind == "spec":
        return spec
    if kind == "folder":
        return paths[0] / _digest(spec)
    return paths if kind in ("inputs", "outputs") else paths[0]


def _kept(folders: list[Path]) -> list[str]:
    """Return the sorted names, within their folder, of the files that lie in scratch folders."""
    return sorted(
        str(path.relative_to(folder)) for folder in folders for path in folder.rglob("*") if path.is_file()
    )


def _digest(spec: dict[str, Any]) -> str:
    """Key a scratch folder by what the job is to do: checkpoints of other parameters are not looked at."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def _partial_folder(parent: Path) -> Path:
    """Make the folder that outputs are written to, and remove those of killed jobs on this machine."""
    host = socket.gethostname()
    try:
        for old in parent.glob(f".partial-{host}-*"):
            owner = int(old.name.rpartition("-")[2])
            # A container starts anew with the same host name and the same few process ids.
            if owner == os.getpid() or not _is_alive(owner):
                shutil.rmtree(old, ignore_errors=True)
        folder = parent / f".partial-{host}-{os.getpid()}"
        folder.mkdir()
    except OSError as error:
        raise UserError(f"{parent}: cannot be written ({error.strerror})") from error
    return folder


def _is_alive(process: int) -> bool:
    """Return whether the process is at work: one that is killed loses its memory before it gives back its lock."""
    try:
        return bool(psutil.Process(process).memory_info().rss)
    except psutil.NoSuchProcess:
        return False
