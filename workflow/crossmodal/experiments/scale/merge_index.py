"""Job: one index of its parts, list by list, and its card."""

import json

from crossmodal.experiments.scale.costs import measured
from crossmodal.jobs.run import In, Ins, Out, Spec, Timed, run
from crossmodal.registry import parse
from crossmodal.search.build import sample_rows
from crossmodal.search.card import describe
from crossmodal.search.merging import merge_indexes
from crossmodal.search.searcher import read_index
from crossmodal.search.store import open_store


def main(trained: In, parts: Ins, vectors: Ins, index: Out, card: Out, cost: Timed, spec: Spec) -> None:
    params, store = parse("search", spec["parameters"]["index"]), open_store(vectors)
    with measured(cost, "merge"):
        merge_indexes(trained, parts, index)
    facts = {"vectors": len(sample_rows(store.count, params, spec["seed"])), "seed": spec["seed"]}
    content = describe(read_index(index), index, params, store.dimension, facts)
    card.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    run(main)
