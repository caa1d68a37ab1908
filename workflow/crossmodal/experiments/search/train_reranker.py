"""Job: train the re-ranker on the candidates of training captions."""

import faiss

from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.reranking import vectors
from crossmodal.reranking.material import Lists
from crossmodal.reranking.vectors_params import Params
from crossmodal.search.gallery import assemble, find_candidates
from crossmodal.search.index import read_index
from crossmodal.torch_setup import prepare_torch


def main(
    index: In, gallery: Ins, queries: In, validation_index: In, validation_gallery: Ins, validation_queries: In,
    config: Out, weights: Out, training: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    faiss.omp_set_num_threads(spec["threads"])
    kind = parse("search", spec["parameters"]["index"])
    params = Params.model_validate(spec["parameters"]["reranker"])
    lists = []
    for path, files, captions_path in (
        (index, gallery, queries),
        (validation_index, validation_gallery, validation_queries),
    ):
        own, *distractors = map(read_embeddings, files)
        items, captions = assemble(own, distractors), read_embeddings(captions_path)
        found = find_candidates(read_index(path, kind), items, captions, params.candidates)
        lists.append(Lists(items.vectors, found, captions.image_ids))
    trained = {"config": config, "weights": weights}
    vectors.train(params, lists[:1], lists[1], spec["seed"], trained, training)


if __name__ == "__main__":
    run(main)
