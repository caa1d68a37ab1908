"""Job: train a second stage on candidates of training captions, embedded by models that did not train on them."""

import faiss

from crossmodal import registry
from crossmodal.experiments.search.sources import RERANKER_FILES, lists_of
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.torch_setup import prepare_torch


def main(
    images: Ins, captions: Ins, learnt_images: In, validation_images: In, validation_captions: In,
    teacher: Ins, compression: Ins, patches: Ins, words: Ins, config: Out, weights: Out, training: Out, spec: Spec,
) -> None:  # fmt: skip
    values, seed = spec["parameters"], spec["seed"]
    prepare_torch(spec["threads"], seed)
    faiss.omp_set_num_threads(spec["threads"])
    params = parse("reranking", values["stages"][spec["wildcards"]["stage"]])
    index = parse("search", values["index"])
    folds = []
    for images_path, captions_path in zip(images, captions, strict=True):
        fold = read_embeddings(images_path)
        asked = read_embeddings(captions_path)
        folds.append(lists_of(fold, asked, fold.vectors, index, seed, params.candidates))
    validation = lists_of(
        read_embeddings(validation_images), read_embeddings(validation_captions),
        read_embeddings(learnt_images).vectors, index, seed, params.candidates,
    )  # fmt: skip
    files = {"config": config, "weights": weights}
    files |= {f"teacher_{name}": path for name, path in zip(RERANKER_FILES, teacher, strict=False)}
    names = ["validation", *map(str, range(len(folds)))]
    for kind, paths in (("patches", patches), ("words", words)):
        files |= {f"{kind}/{name}": path for name, path in zip(names, paths, strict=False)}
    files |= dict(zip(("compression",), compression, strict=False))
    registry.load("reranking", params.kind).train(params, folds, validation, seed, files, training)


if __name__ == "__main__":
    run(main)
