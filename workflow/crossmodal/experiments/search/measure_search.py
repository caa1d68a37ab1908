"""Job: answer the test captions by one index, alone or with a second stage, and time single queries."""

from functools import partial

import faiss
import numpy as np
import numpy.typing as npt

from crossmodal.experiments.search.pipelines import Stage, measure_search
from crossmodal.jobs.run import In, Ins, Out, Spec, Timed, run
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.registry import parse
from crossmodal.reranking.order import inner_products, reorder
from crossmodal.search.gallery import Candidates, assemble
from crossmodal.search.index import read_index
from crossmodal.search.settings import LatencyProtocol


def main(
    index: In, card: In, gallery: Ins, queries: In, reranker: Ins, measured: Timed, results: Out, spec: Spec
) -> None:
    values, coordinates = spec["parameters"], spec["wildcards"]
    stage = _reranking(reranker, spec) if reranker else _rescoring(values["rescored"])
    faiss.omp_set_num_threads(spec["threads"])
    own, *distractors = map(read_embeddings, gallery)
    measure_search(
        read_index(index, parse("search", values["index"])),
        stage,
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
        values["probe"],
        measured,
        results,
    )


def _reranking(files: Ins, spec: Spec) -> Stage:
    from crossmodal.reranking.files import load  # torch: other searches start sooner
    from crossmodal.reranking.scoring import score
    from crossmodal.torch_setup import prepare_torch

    prepare_torch(spec["threads"], spec["seed"])
    model = load("vectors", *files)
    c = model.params.candidates
    return Stage(c, lambda vectors, found: reorder(found, score(model, vectors, found, c), c))


def _rescoring(candidates: int | None) -> Stage | None:
    return Stage(candidates, partial(_rescore, candidates=candidates)) if candidates else None


def _rescore(vectors: Vectors, found: Candidates, candidates: int) -> npt.NDArray[np.int64]:
    return reorder(found, inner_products(vectors, found, candidates), candidates)


if __name__ == "__main__":
    run(main)
