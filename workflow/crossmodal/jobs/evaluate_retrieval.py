"""Job: score every query of one embedded set, in both directions."""

from crossmodal.embeddings import read_embeddings
from crossmodal.evaluation.queries import evaluate_set
from crossmodal.jobs.run import In, Out, Spec, run


def main(images: In, captions: In, queries: Out, spec: Spec) -> None:
    evaluate_set(read_embeddings(images), read_embeddings(captions), queries)


if __name__ == "__main__":
    run(main)
