"""Record the finished default study in dvc.lock: `make witness`.

DVC believes anything it is told, so it is told only what holds: Snakemake has nothing to do, and every file
is byte for byte what the manifest of its job says.
"""

import subprocess
import sys
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.provenance.digests import md5
from crossmodal.provenance.manifest import read_manifest


def broken_files(folders: list[Path]) -> list[str]:
    """Return a line for each output under `folders` that is missing or is not what its manifest says."""
    problems = []
    for path in sorted(p for folder in folders for p in folder.rglob("*manifest.json")):
        for output in read_manifest(path)["outputs"].values():
            file = Path(output["path"])
            if not file.exists():
                problems.append(f"{file}: missing ({path})")
            elif md5(file) != output["md5"]:
                problems.append(f"{file}: recorded {output['md5']}, found {md5(file)} ({path})")
    return problems


def witness(study: str) -> None:
    """Write dvc.lock from the files of `study`; UserError and no change unless all of them hold."""
    plan = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--nolock"],
        capture_output=True, text=True,
    )  # fmt: skip
    if plan.returncode or "Nothing to be done" not in plan.stdout + plan.stderr:
        raise UserError(f"study {study!r} is not finished or is stale: run `snakemake --cores all` first")
    if problems := broken_files([Path("data") / study, Path("results") / study]):
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(f"{problems[0]}{more}; remove the file and run the study again")
    subprocess.run([sys.executable, "-m", "dvc", "commit", "--force", "--no-relink"], check=True)


if __name__ == "__main__":
    from crossmodal.configuration import read_yaml

    try:
        witness(str(read_yaml(Path("params.yaml"))["study"]))
    except UserError as error:
        sys.exit(f"error: {error}")
