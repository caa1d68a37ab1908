"""What the machinery costs beside the work: `make bench-overhead` measures it and fills docs/performance.md.

Needs the finished default study, run without interruption on an otherwise idle machine, and takes some minutes:
it also builds a finished grid of 3,000 jobs, of empty files, to time a run with nothing to do on it.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import yaml
from performance_page import fill_page

from crossmodal.errors import UserError
from crossmodal.provenance.dag import list_jobs
from crossmodal.provenance.digests import md5_of
from crossmodal.provenance.ledger import entries
from crossmodal.provenance.manifest import build_manifest, now, read_manifest, write_manifest
from crossmodal.report.performance import read_manifests, stages_table, totals_table

ROUNDS = 5
GRID_SEEDS = 199  # of the tiny study's two trained cells with one more each: about 3,000 jobs
NEEDED = ("Snakefile", "params.yaml", "studies", "profiles", "envs", "workflow", "docs")


def seconds(command: list[str], folder: Path = Path(), expected: str = "") -> float:
    """Return how long `command` takes, s; UserError if it fails or does not say what is expected."""
    environment = os.environ | (
        {"PYTHONPATH": str(folder.resolve() / "workflow")} if folder != Path() else {}
    )
    began = perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    taken = perf_counter() - began
    if done.returncode or expected not in done.stdout + done.stderr:
        raise UserError(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return taken


def snakemake(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", *arguments]


def nothing_to_do(folder: Path, *arguments: str) -> list[float]:
    """Return the times of dry runs with nothing to do, s."""
    command = snakemake("--dry-run", *arguments)
    return [seconds(command, folder, "Nothing to be done") for _ in range(ROUNDS)]


def large_grid(folder: Path) -> tuple[int, list[float]]:
    """Return the number of jobs of a finished grid of empty files in `folder`, and its dry runs' times, s."""
    for name in NEEDED:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy2
        copy(name, folder / name)  # type: ignore[operator]
    overlay = folder / "studies/grid.yaml"
    study = yaml.safe_load((folder / "studies/tiny.yaml").read_text())
    study |= {"study": "grid", "seeds": list(range(GRID_SEEDS))}
    study["adaptation"]["cells"] |= {"lora-r4": {"method": {"kind": "lora", "rank": 4}}}
    overlay.write_text(yaml.safe_dump(study))
    here = Path.cwd()
    os.chdir(folder)
    try:
        jobs = list_jobs([overlay])
    finally:
        os.chdir(here)
    for job in jobs:
        for path in (*job.outputs, job.manifest):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
    seconds(snakemake("--touch", "--forceall", "--quiet", "--configfile", str(overlay)), folder)
    return len(jobs), nothing_to_do(folder, "--configfile", str(overlay))


def manifest_milliseconds(study: str) -> tuple[float, float]:
    """Return what a manifest costs beyond hashing, median over this study's jobs and worst, ms."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((Path("results") / study).rglob("*manifest.json"))[:50]:
            recorded = read_manifest(path)
            inputs = {name: [Path(e["path"]) for e in listed] for name, listed in recorded["inputs"].items()}
            files = [Path(e["path"]) for e in entries(recorded, "outputs")]
            md5_of([*files, *(p for paths in inputs.values() for p in paths)])  # hashing is not what is timed
            outputs = {"files": [(file, file) for file in files]}
            began = perf_counter()
            write_manifest(
                Path(folder) / "m.json", build_manifest(recorded["spec"], inputs, outputs, set(), now())
            )
            times.append(1000 * (perf_counter() - began))
    return statistics.median(times), max(times)


def audit_seconds(*arguments: str) -> float:
    start = "import sys; from crossmodal.cli import main; sys.argv[0] = 'crossmodal'; main()"
    return seconds([sys.executable, "-c", start, "audit", "--all", *arguments], expected="numbers")


def spread(times: list[float], digits: int = 1) -> str:
    return f"{statistics.median(times):.{digits}f} [{min(times):.{digits}f}, {max(times):.{digits}f}]"


def main() -> None:
    study = str(yaml.safe_load(Path("params.yaml").read_text())["study"])
    manifests = read_manifests(study)
    cores = os.cpu_count() or 1
    default = nothing_to_do(Path())
    with tempfile.TemporaryDirectory() as folder:
        jobs, grid = large_grid(Path(folder))
    typical, worst = manifest_milliseconds(study)
    warm = [audit_seconds() for _ in range(ROUNDS)]
    cold = [audit_seconds("--no-cache") for _ in range(ROUNDS)]
    rows = [
        (f"`snakemake -n` with nothing to do, default study ({len(manifests)} jobs)", f"{spread(default)} s"),
        (f"`snakemake -n` with nothing to do, grid of {jobs:,} jobs", f"{spread(grid)} s"),
        (
            "what a manifest adds to a job beyond hashing, typical and worst",
            f"{typical:.0f} ms, {worst:.0f} ms",
        ),
        ("`crossmodal audit --all`, digests remembered", f"{spread(warm)} s"),
        ("`crossmodal audit --all --no-cache`, every byte read", f"{spread(cold)} s"),
    ]
    overhead = "\n".join(
        ["| | median [lowest, highest] |", "|---|---:|", *(f"| {a} | {b} |" for a, b in rows)]
    )
    tables = {
        "totals": totals_table(manifests, cores),
        "stages": stages_table(manifests),
        "overhead": overhead,
    }
    fill_page(tables)
    print(json.dumps({"default": default, "grid": grid, "warm": warm, "cold": cold}, indent=1))
    print(overhead)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
