"""Job: the times of every way to search at one size, interleaved in one process; there are several such
processes.

Times are of vectors to results: a query is embedded before. The gallery's files are read once beforehand, so
that the machine has as much of them in its page cache as its memory holds.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import faiss

from crossmodal.experiments.scale.asked import asking
from crossmodal.experiments.scale.halves import open_halves
from crossmodal.experiments.scale.params import AGAIN, EXHAUSTIVE
from crossmodal.experiments.scale.systems import Way, labels_of, open_searchers, second_stage, ways
from crossmodal.jobs.run import In, Ins, Spec, Timed, run
from crossmodal.models.embeddings import Vectors
from crossmodal.search.settings import LatencyProtocol
from crossmodal.search.timing import Timing, peak_memory, time_systems
from crossmodal.torch_setup import prepare_torch

FEWER = 20
"""Exhaustive search is asked so many times less often: at a million items a query takes a tenth of a second."""
LEAST = 100
"""Queries that it is asked at least, where there are as many: the p99 of fewer is their maximum."""
CHUNK = 2**24


def main(
    indexes: Ins, points: Ins, vectors: Ins, names: In, captions: In, bank: Ins, reranker: Ins, times: Timed,
    spec: Spec,
) -> None:  # fmt: skip
    faiss.omp_set_num_threads(spec["threads"])
    prepare_torch(spec["threads"], spec["seed"])
    values, store = spec["parameters"], open_halves(vectors)
    queries = asking(captions, values["queries"], spec["seed"]).vectors
    protocol = LatencyProtocol.model_validate(values["latency"])
    stage = None
    if values["stage"]:
        trained = dict(zip(("config", "weights"), reranker, strict=False))
        stage = second_stage(values["stage"], store, labels_of(names, values["size"]), bank[0], trained)
    searchers = open_searchers(values["indexes"], indexes, points, store)
    systems = [name for name in values["systems"] if name != EXHAUSTIVE]
    read_once([*vectors, *indexes])
    found = ways(systems, searchers, store, stage, values["depth"])
    found[f"{values['again']}+{AGAIN}"] = found[values["again"]]
    timings = _timed(found, queries, protocol, spec["seed"])
    peak = peak_memory()  # of searching: what comes next holds every vector
    if EXHAUSTIVE in values["systems"]:
        timings += _timed(ways([EXHAUSTIVE], searchers, store), queries, rarer(protocol), spec["seed"])
    size, process = values["size"], int(spec["wildcards"]["process"])
    record = {"size": size, "process": process, "timings": timings, "peak_bytes": peak}
    times.write_text(json.dumps(record) + "\n")


def rarer(protocol: LatencyProtocol) -> LatencyProtocol:
    """Return the protocol of exhaustive search."""
    measured = max(min(LEAST, protocol.measured), protocol.measured // FEWER)
    return protocol.model_copy(update={"warm_up": max(1, protocol.warm_up // FEWER), "measured": measured})


def read_once(files: Iterable[Path]) -> None:
    """Read `files` from front to back."""
    for path in files:
        with path.open("rb") as file:
            while file.read(CHUNK):
                pass


def _timed(
    found: Mapping[str, Way], queries: Vectors, protocol: LatencyProtocol, seed: int
) -> list[dict[str, Any]]:
    systems = {name: partial(_answer, way, queries) for name, way in found.items()}
    timings = time_systems(systems, len(queries), protocol, seed)
    return [
        _record(name, min(batch, len(queries)), timing)
        for name, batches in timings.items()
        for batch, timing in batches.items()
    ]


def _answer(way: Way, queries: Vectors, first: int, count: int) -> Mapping[str, float]:
    return way(queries[first : first + count])[1]


def _record(system: str, batch: int, timing: Timing) -> dict[str, Any]:
    rounded = {part: [round(value, 4) for value in values] for part, values in timing["parts_ms"].items()}
    samples = [round(value, 4) for value in timing["samples_ms"]]
    return {"system": system, "batch": batch, "samples_ms": samples, "parts_ms": rounded}


if __name__ == "__main__":
    run(main)
