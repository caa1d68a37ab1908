"""Job: answer the test captions by one index, with or without its re-ranker, and time single queries."""

import faiss

from crossmodal.experiments.search.pipelines import measure_search
from crossmodal.jobs.run import In, Ins, Out, Spec, Timed, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.search.gallery import assemble
from crossmodal.search.index import read_index
from crossmodal.search.settings import LatencyProtocol


def main(
    index: In, card: In, gallery: Ins, queries: In, reranker: Ins, measured: Timed, results: Out, spec: Spec
) -> None:
    values, coordinates = spec["parameters"], spec["wildcards"]
    model = None
    if reranker:
        from crossmodal.search.reranker import load_reranker
        from crossmodal.torch_setup import prepare_torch

        prepare_torch(spec["threads"], spec["seed"])
        model = load_reranker(*reranker)
    faiss.omp_set_num_threads(spec["threads"])
    own, *distractors = map(read_embeddings, gallery)
    measure_search(
        read_index(index, parse("search", values["index"])),
        model,
        assemble(own, distractors),
        read_embeddings(queries),
        LatencyProtocol.model_validate(values["latency"]),
        card,
        {
            "cell": coordinates["cell"],
            "seed": int(coordinates["seed"]),
            "dataset": values["target"],
            "split": "test",
            "index": coordinates["pipeline"],
        },
        measured,
        results,
    )


if __name__ == "__main__":
    run(main)
