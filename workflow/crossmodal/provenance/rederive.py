"""Deriving results again in a scratch folder, from source packages, by their upstream jobs only."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmodal.errors import UserError
from crossmodal.provenance.ledger import Manifest

DEPTH = 3
"""Folders between the root of the scratch folder and the work in it: paths may begin with that many `..`."""


def named_paths(values: Any, made: Sequence[Path]) -> set[str]:
    """Return the texts in `values`, however deep, that are relative paths of files or folders here.

    What lies in one of the folders `made`, which jobs write, is no source, and a folder that holds one of them
    is not to be linked: jobs would write through the link.
    """
    if isinstance(values, str):
        path = Path(values)
        if path.is_absolute() or not os.path.exists(values):  # noqa: PTH110 - no error for a text too long for a path
            return set()
        real = path.resolve()
        folders = [folder.resolve() for folder in made]
        near = any(real.is_relative_to(folder) or folder.is_relative_to(real) for folder in folders)
        return set() if near else {values}
    if not isinstance(values, Mapping | list | tuple):
        return set()
    parts = values.values() if isinstance(values, Mapping) else values
    return {path for part in parts for path in named_paths(part, made)}


def prepare(root: Path, own: Iterable[str]) -> Path:
    """Make the folder below `root` in which Snakemake is to work and return it.

    It holds params.yaml and links to the user's own files and folders, which no job can derive.
    """
    root = root.resolve()
    work = root.joinpath(*(["work"] * DEPTH))
    work.mkdir(parents=True)
    shutil.copy2("params.yaml", work)
    links = {Path(os.path.normpath(work / name)): name for name in own if not Path(name).is_absolute()}
    linked = [work / "params.yaml"]
    for link, name in sorted(links.items(), key=lambda item: len(item[0].parts)):
        if any(link.is_relative_to(folder) for folder in linked):
            continue  # a file in a folder that is linked whole
        if not link.is_relative_to(root) or work.is_relative_to(link):
            raise UserError(f"{name}: too far away to be linked from a scratch folder; give an absolute path")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(name).resolve())
        linked.append(link)
    return work


def run_jobs(work: Path, targets: Sequence[str], overlays: Sequence[Path], cores: str) -> None:
    """Let Snakemake make `targets` in `work`, where nothing is yet; UserError with the folder if it fails."""
    command = [
        sys.executable, "-m", "snakemake", *targets, "--snakefile", str(Path("Snakefile").resolve()),
        "--directory", str(work), "--cores", cores,
    ]  # fmt: skip
    command += ["--configfile", *(str(path.resolve()) for path in overlays)] if overlays else []
    if subprocess.run(command, stdout=sys.stderr).returncode:
        raise UserError(f"the jobs could not be repeated; their logs are in {work}")


def repeat_job(
    work: Path, entry: str, manifest: Manifest, spec: Mapping[str, Any], keep: set[str]
) -> dict[str, Path]:
    """Run the job of `manifest`, whose module is `entry`, again in `work`, on those of its inputs in `keep` alone.

    Its outputs go to a folder `partial`, since they are those of some of its inputs. Returns them by name.
    """
    folder = work / "partial"
    outputs = {
        name: [folder / f"{name}-{i}" / Path(entry["path"]).name for i, entry in enumerate(listed)]
        for name, listed in manifest["outputs"].items()
    }
    arguments = []
    for name, listed in manifest["inputs"].items():
        arguments += [f"{name}=", *(entry["path"] for entry in listed if entry["path"] in keep)]
    for name, paths in outputs.items():
        arguments += [f"{name}=", *map(str, paths)]
    arguments += [f"manifest={folder / 'manifest.json'}", f"spec={json.dumps(spec)}"]
    listed = work / "arguments.txt"  # a command line has no room for them
    listed.write_text("".join(f"{argument}\n" for argument in arguments))
    command = [sys.executable, "-P", "-m", entry, f"@{listed}"]  # -P: as jobs are run (use_this_interpreter)
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{manifest['rule']} could not be repeated: {done.stderr.strip().splitlines()[-1]}")
    return {name: paths[0] for name, paths in outputs.items()}
