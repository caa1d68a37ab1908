"""Job: train the index of one size, empty as yet, on vectors drawn from the whole gallery."""

import faiss

from crossmodal.experiments.scale.costs import measured
from crossmodal.jobs.run import Ins, Out, Spec, Timed, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.search.build import sample_rows, train_index, write_index
from crossmodal.search.store import open_store


def main(vectors: Ins, captions: Ins, trained: Out, cost: Timed, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    params, size = parse("search", spec["parameters"]["index"]), spec["parameters"]["size"]
    words = read_embeddings(captions[0]).vectors if captions else None
    with measured(cost, "train"):
        rows = sample_rows(size, params, spec["seed"])
        # Nothing here holds the sample, so that training need not keep it beside what it makes of it.
        index = train_index(open_store(vectors).rows(rows), params, size, spec["seed"], words)
        write_index(index, trained)


if __name__ == "__main__":
    run(main)
