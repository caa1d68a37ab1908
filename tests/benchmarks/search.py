"""Search beside peers on the same vectors: `make bench-search [N=1000000]` fills docs/performance.md.

Every system is built once, on all cores, and kept under build/; then all answer the same text queries, taking
turns, each in a process of its own on one core with one thread. What is there already is not made again, so that
a run that was stopped goes on.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from peers import HERE, Worker, environment
from performance_page import fill_page
from search_data import finished, prepare
from search_measure import Run, take_turns
from search_page import MEASURED, PICTURE, draw_curves, page_tables, write_measured

from crossmodal.errors import UserError
from crossmodal.study.configuration import read_yaml

OURS = ("ours", "ours, rotated", "ours, fast scan", "ours, RaBitQ", "exact")
PEERS = {
    "autofaiss": "autofaiss",
    "hnswlib": "hnswlib",
    "usearch": "usearch",
    "ScaNN": "scann",
    "Glass": "pyglass-portable",
    "Glass SQ8": "pyglass-portable",
}
"""Systems and the distributions that they come from."""
SHARED = {"Glass SQ8": "Glass"}
"""Systems that open what another has built."""
FIRST = "ours"
"""The system whose memory autofaiss is given, and which stands twice."""
AGAIN = "the same again"
CURVE_QUERIES, SLOW_QUERIES = 500, 200
"""Queries of each point of a curve, and of exhaustive search."""


class Bench:
    """Where the systems of a benchmark lie and how their processes are started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peers = environment(HERE / "peers.txt")

    def place(self, system: str) -> Path:
        name = SHARED.get(system, system)
        return self.folder / re.sub(r"\W+", "-", name.lower())

    def worker(self, system: str, threads: int, cores: set[int]) -> Worker:
        ours = system in OURS
        python, script = (Path(sys.executable), "search_ours.py") if ours else (self.peers, "peers_search.py")
        return Worker(python, script, system, threads, cores, self.folder / "log.txt")

    def build(self, system: str, threads: int) -> dict[str, float]:
        """Build `system` unless it is there, and return its times, s, and peak of memory, bytes."""
        folder, cores = self.place(system), os.sched_getaffinity(0)
        done = folder / "built.json"
        if not done.exists():
            folder.mkdir(exist_ok=True)
            if system == "autofaiss":
                size = (self.place(FIRST) / "index.faiss").stat().st_size
                (folder / "memory").write_text(str(size))
            print(f"building {system}", file=sys.stderr, flush=True)
            with self.worker(system, threads, cores) as worker:
                answer = worker.ask(
                    "build", vectors=self.path("vectors"), folder=str(folder), threads=threads
                )
            done.write_text(json.dumps(answer))
            print(f"{system}: {answer['seconds']:,.0f} s", file=sys.stderr, flush=True)
        built: dict[str, float] = json.loads(done.read_text())
        return built

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.npy")


def runs_of(system: str, opened: dict[str, object], queries: int) -> tuple[list[Run], list[Run]]:
    """Return the runs of a system for the table and for its curve."""
    most = min(queries, SLOW_QUERIES) if system == "exact" else queries
    named = {label: dict(point) for label, point in opened["named"].items()}  # type: ignore[attr-defined]
    if system == FIRST:
        named[AGAIN] = next(iter(named.values()))
    table = [Run(system, label, point, k, most) for label, point in named.items() for k in (10, 100)]
    points = opened["points"] or [{}]
    few = min(most, CURVE_QUERIES)
    curve = [Run(system, "", point, k, few) for point in points for k in (10, 100)]  # type: ignore[attr-defined]
    return table, curve


def measure(bench: Bench, systems: Sequence[str], built: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the runs of the table and of the curves, what each system costs, and what it was built with."""
    exact = np.load(bench.path("queries_exact"))
    core = {max(os.sched_getaffinity(0))}
    workers: dict[str, Worker] = {}
    try:
        table: list[Run] = []
        curves: list[Run] = []
        settings = {}
        for system in systems:
            print(f"opening {system}", file=sys.stderr, flush=True)
            worker = workers[system] = bench.worker(system, 1, core)
            arguments = {name: bench.path(name) for name in ("vectors", "queries")}
            opened = worker.ask("open", folder=str(bench.place(system)), **arguments)
            settings[system] = opened["settings"]
            rows, points = runs_of(system, opened, len(exact))
            table += rows
            curves += points
        for system in systems:
            if system in OURS:  # the others have what they need in memory since they were opened
                read_once(bench.place(system))
        take_turns(table, workers, exact)
        costs = {
            system: {"build": built[system]["seconds"]}
            | {"memory": sizes["index"], "store": store_bytes(bench.place(system)), "mapped": sizes["store"]}
            for system in systems
            for sizes in [workers[system].ask("memory")]
        }
        take_turns(curves, workers, exact)
    finally:
        for worker in workers.values():
            worker.close()
    runs = {"table": [run.measured() for run in table], "curves": [run.measured() for run in curves]}
    return {"costs": costs, "settings": settings} | runs


def read_once(folder: Path) -> None:
    """Read the files of `folder`, so that what is mapped of them is in memory, as far as there is room."""
    for path in folder.glob("*.*"):
        with path.open("rb") as stream:
            while stream.read(2**24):
                pass


def store_bytes(folder: Path) -> int:
    """Return the size of the vectors that an index reads from disk."""
    return sum(path.stat().st_size for path in folder.glob("vectors*"))


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


def main() -> None:
    params = read_yaml(Path("params.yaml"))
    systems = [*OURS, *PEERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--count", type=int, default=1_000_000, help="vectors")
    parser.add_argument(
        "--study", default=params["study"], help="whose embeddings are searched, where finished"
    )
    parser.add_argument("--cell", default=params["search"]["cells"][0])
    parser.add_argument(
        "--vectors", type=Path, nargs="+", default=[], help="files of vectors, searched instead"
    )
    parser.add_argument("--systems", nargs="+", default=systems, choices=systems, metavar="NAME")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the building")
    parser.add_argument("--build-only", action="store_true", help="build what is not there, measure nothing")
    parser.add_argument("--dry-run", action="store_true", help="print only, leave docs/ as they are")
    options = parser.parse_args()
    source = f"{options.study}-{options.cell}" if finished(options.study, options.cell) else "mixture"
    folder = Path("build/benchmarks", f"search-{source}-{options.count}").absolute()
    about = prepare(folder, options.count, options.study, options.cell)
    print(about, file=sys.stderr)
    bench = Bench(folder)
    built = {system: bench.build(system, options.threads) for system in options.systems}
    if options.build_only:
        print(json.dumps(built, indent=1))
        return
    found = measure(bench, options.systems, built)
    pins = dict(line.split("==") for line in (HERE / "peers.txt").read_text().split() if "==" in line)
    versions = {name: pins[pin] for name, pin in PEERS.items()} | dict.fromkeys(
        OURS, f"FAISS {version('faiss-cpu')}"
    )
    machine = {"processor": processor(), "threads": options.threads, "versions": versions}
    document = {"about": about, "count": options.count} | machine | found
    tables = page_tables(document)
    print("\n\n".join(tables.values()))
    write_measured(folder / MEASURED.name if options.dry_run else MEASURED, document)
    draw_curves(document["curves"], folder / PICTURE.name if options.dry_run else PICTURE)
    if not options.dry_run:
        fill_page(tables)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
