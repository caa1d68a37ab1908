"""Job: the operating point of an index, chosen on validation captions."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import groupby
from typing import Any

import faiss

from crossmodal.experiments.scale.asked import asking, read_found
from crossmodal.experiments.scale.params import TOP
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.registry import parse
from crossmodal.search.points import Choice, Point, choose_point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import open_store

FURTHER = (150.0, 200.0, 300.0, 500.0)
"""Candidates refined for each result beside those that every study tries: among ten million the tenth is hardly
better than the thousandth, and codes do not tell them apart."""
NEARLY = 0.002
"""A recall that is lower by so little is as good as the best, where none reaches the target."""


def main(index: In, vectors: Ins, captions: In, found: Ins, points: Out, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    values = spec["parameters"]
    params, store = parse("search", values["index"]), open_store(vectors)
    queries = asking(captions, values["queries"], spec["seed"]).vectors
    exact = read_found(found, "val")[1][:, :TOP]
    candidates = list(further(points_of(params, values["size"]), params))
    searcher = Searcher(read_index(index), store if params.refinement else None, params, candidates[0])
    choice = settled(choose_point(searcher, exact, queries, values["target_recall"], candidates))
    points.write_text(json.dumps(asdict(choice) | {"target": values["target_recall"]}, indent=1) + "\n")


def settled(choice: Choice) -> Choice:
    """Return `choice`, where it misses the target the cheapest of the points that find nearly as much as the best.

    Else the last thousandth would be bought with all lists there are.
    """
    if choice.reached:
        return choice
    good = [tried for tried in choice.curve if tried["recall"] >= choice.recall - NEARLY]
    best = min(good, key=lambda tried: tried["cost"])
    point = Point(**{field.name: best[field.name] for field in fields(Point)})
    return replace(choice, chosen=point, recall=best["recall"])


def further(points: Sequence[Point], params: Any) -> Iterator[Point]:
    """Yield `points`, behind those of as many lists (or of a graph as broad) with FURTHER candidates refined."""
    for _, group in groupby(points, key=lambda point: (point.nprobe, point.ef_search)):
        members = list(group)
        yield from members
        if params.refinement and params.k_factor is None:
            yield from (replace(members[-1], k_factor=factor) for factor in FURTHER)


if __name__ == "__main__":
    run(main)
