"""Job: train the re-ranker on the candidates of training captions."""

import faiss

from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.reranking.network import save_reranker
from crossmodal.reranking.training import train_reranker
from crossmodal.search.gallery import assemble, find_candidates
from crossmodal.search.index import read_index
from crossmodal.search.settings import RerankerParameters
from crossmodal.torch_setup import prepare_torch


def main(
    index: In, gallery: Ins, queries: In, validation_index: In, validation_gallery: Ins, validation_queries: In,
    config: Out, weights: Out, training: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    faiss.omp_set_num_threads(spec["threads"])
    kind = parse("search", spec["parameters"]["index"])
    params = RerankerParameters.model_validate(spec["parameters"]["reranker"])
    lists = []
    for path, files, captions_path in (
        (index, gallery, queries),
        (validation_index, validation_gallery, validation_queries),
    ):
        own, *distractors = map(read_embeddings, files)
        items, captions = assemble(own, distractors), read_embeddings(captions_path)
        found = find_candidates(read_index(path, kind), items, captions, params.candidates)
        lists.append((items.vectors, found, captions.image_ids))
    (vectors, found, owners), (validation_vectors, validation, _) = lists
    model = train_reranker(
        vectors, found, owners, validation_vectors, validation, params, spec["seed"], training
    )
    save_reranker(model, config, weights)


if __name__ == "__main__":
    run(main)
