"""What a system of a benchmark of search is, and the process that measures one. Needs NumPy alone."""

import ctypes
import gc
import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

Point = dict[str, float]
"""An operating point: the search-time parameters of a system, by name."""


@dataclass(frozen=True)
class Opened:
    """An index that answers."""

    points: list[Point]
    """What the curve is drawn of, cheap first."""
    named: Mapping[str, Point]
    """The points that rows of the table are of: the library's default, or those chosen."""
    use: Callable[[Point, int], None]
    """Take a point, for searches of k items."""
    search: Callable[[np.ndarray, int], Any]
    """float32 [d] and k to positions [k]."""
    chosen: str = ""
    """What the library chose by itself, for a reader."""


@dataclass(frozen=True)
class System:
    """What a benchmark measures."""

    settings: str
    """What it was built with, for a reader."""
    build: Callable[[np.ndarray, Path, int], None]
    """Vectors float32 [n, d], an empty folder to write the index into, threads."""
    open: Callable[[np.ndarray, Path], Opened]
    """The same vectors (a memory map), the folder."""


class Process:
    """A system that is built or opened, and then answers queries."""

    def __init__(self, system: System) -> None:
        self.system = system

    def build(self, vectors: str, folder: str, threads: int) -> dict[str, float]:
        """Build an index; s, s of processors, and bytes at the most beyond what stood in memory before."""
        data = np.load(vectors)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, used = perf_counter(), process_time()
        self.system.build(data, Path(folder), threads)
        seconds, used = perf_counter() - began, process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"seconds": seconds, "processors": used, "peak": 1024 * (peak - before)}

    def open(self, vectors: str, queries: str, folder: str) -> dict[str, Any]:
        self.folder, self.queries = folder, np.load(queries)
        data = np.load(vectors, mmap_mode="r")
        _settle()
        self.before = memory(self.folder)
        self.opened = self.system.open(data, Path(folder))
        opened = self.opened
        settings = ": ".join(filter(None, (self.system.settings, opened.chosen)))
        return {"points": opened.points, "named": dict(opened.named), "settings": settings}

    def search(self, point: Point, first: int, count: int, k: int, warm_up: int) -> dict[str, Any]:
        """Answer queries one at a time, after `warm_up` that stand before them: ms and positions of each."""
        self.opened.use(point, k)
        search = self.opened.search
        times, found = [], []
        for query in np.take(self.queries, np.arange(first - warm_up, first), axis=0, mode="wrap"):
            search(query, k)
        for query in self.queries[first : first + count]:
            began = perf_counter()
            positions = search(query, k)
            times.append(1000 * (perf_counter() - began))
            found.append([int(position) for position in np.ravel(positions)[:k]])
        return {"milliseconds": times, "found": found}

    def memory(self) -> dict[str, int]:
        """Bytes in memory since the index was opened, and of the vectors on disk those that are in memory too."""
        _settle()
        now = memory(self.folder)
        return {name: now[name] - self.before[name] for name in now}


def memory(folder: str) -> dict[str, int]:
    """Return the bytes of this process: `index`, its own and the index files mapped; `store`, mapped vectors.

    Files of `folder` whose name begins with "vectors" are the store: the kernel may drop their pages.
    """
    sizes = {"index": 0, "store": 0}
    name = ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            name = " ".join(rest[4:])
        elif first == "Rss:" and (not name.startswith("/") or name.startswith(folder)):
            store = name.startswith(folder) and Path(name).name.startswith("vectors")
            sizes["store" if store else "index"] += 1024 * int(rest[0])
    return sizes


def _settle() -> None:
    """Give back to the system what is free, so that only what is held is counted."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
