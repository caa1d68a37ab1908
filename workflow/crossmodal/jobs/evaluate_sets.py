"""Job: score every query of several embedded sets, in both directions."""

from crossmodal.jobs.run import Ins, Outs, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.statistics.queries import evaluate_set


def main(images: Ins, captions: Ins, queries: Outs, spec: Spec) -> None:
    for images_path, captions_path, path in zip(images, captions, queries, strict=True):
        evaluate_set(read_embeddings(images_path), read_embeddings(captions_path), path)


if __name__ == "__main__":
    run(main)
