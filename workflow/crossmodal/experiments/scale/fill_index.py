"""Job: a copy of the trained index that holds the items of one shard."""

import faiss

from crossmodal.experiments.scale.costs import measured
from crossmodal.jobs.run import In, Out, Spec, Timed, run
from crossmodal.progress import progress
from crossmodal.search.build import fill_index, write_index
from crossmodal.search.checks import checked
from crossmodal.search.searcher import read_index
from crossmodal.search.store import open_store

BLOCK = 16_384


def main(trained: In, vectors: In, part: Out, cost: Timed, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    store = open_store([vectors])
    with measured(cost, "fill"):
        blocks = checked((block for _, block in store.blocks(BLOCK)), str(vectors))
        seen = progress(blocks, "adding items", total=-(-store.count // BLOCK), unit="block")
        write_index(fill_index(read_index(trained, mapped=False), seen), part)


if __name__ == "__main__":
    run(main)
