"""Job: index the images of a gallery, and choose how far a query looks, on validation queries."""

import shutil
import tempfile
from pathlib import Path

import faiss
import numpy as np

from crossmodal.data.tables import read_table
from crossmodal.experiments.search.answers import TOP
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.registry import parse
from crossmodal.search.gallery import Gallery, assemble


def main(
    datasets: Ins, images: Ins, bank: In, validation_images: In, validation_captions: In,
    index: Out, card: Out, points: Out, items: Out, vectors: Out, scales: Out, bias: Out, spec: Spec,
) -> None:  # fmt: skip
    values, seed = spec["parameters"], spec["seed"]
    faiss.omp_set_num_threads(spec["threads"])
    own, *distractors = map(read_embeddings, images)
    gallery = assemble(own, distractors)


if __name__ == "__main__":
    run(main)
