"""Job: the graph index of one size, which holds every vector and is built at once."""

import json

import faiss

from crossmodal.experiments.scale.costs import measured
from crossmodal.jobs.run import Ins, Out, Spec, Timed, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.search.build import build_index
from crossmodal.search.store import open_store


def main(vectors: Ins, captions: Ins, index: Out, card: Out, cost: Timed, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    words = read_embeddings(captions[0]).vectors if captions else None
    with measured(cost, "build"):
        params = parse("search", spec["parameters"]["index"])
        content = build_index(open_store(vectors), params, spec["seed"], index, captions=words)
    card.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run(main)
