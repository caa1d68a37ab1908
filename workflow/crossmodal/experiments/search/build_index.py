"""Job: index the gallery of one split."""

import faiss

from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.search.gallery import assemble
from crossmodal.search.index import build_index


def main(gallery: Ins, index: Out, card: Out, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    own, *distractors = map(read_embeddings, gallery)
    params = parse("search", spec["parameters"]["index"])
    models = sorted({embeddings.metadata["model"] for embeddings in (own, *distractors)})
    sources = {"models": models, "galleries": [str(path) for path in gallery]}
    build_index(assemble(own, distractors).vectors, params, spec["seed"], index, card, sources)


if __name__ == "__main__":
    run(main)
