"""Job: the operating point of an index, chosen on validation captions."""

import json
from dataclasses import asdict

import faiss

from crossmodal.experiments.scale.asked import asking, read_found
from crossmodal.experiments.scale.params import TOP
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.registry import parse
from crossmodal.search.points import choose_point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.store import open_store


def main(index: In, vectors: Ins, captions: In, found: Ins, points: Out, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    values = spec["parameters"]
    params, store = parse("search", values["index"]), open_store(vectors)
    queries = asking(captions, values["queries"], spec["seed"]).vectors
    exact = read_found(found, "val")[1][:, :TOP]
    candidates = points_of(params, values["size"])
    searcher = Searcher(read_index(index), store if params.refinement else None, params, candidates[0])
    choice = choose_point(searcher, exact, queries, values["target_recall"], candidates)
    points.write_text(json.dumps(asdict(choice) | {"target": values["target_recall"]}, indent=1) + "\n")


if __name__ == "__main__":
    run(main)
