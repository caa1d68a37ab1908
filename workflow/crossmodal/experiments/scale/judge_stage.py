"""Job: does the second stage help at one size? Asked are validation captions, whose images the gallery has not.

A gallery holds the test split's images and none of validation. So the image of each validation caption is put
among the candidates that the gallery gives for it, at the place that its exact score has there, as if it stood in
the gallery: not among the first of them, it is none. Items that show the same are left out, as they are for test
captions, and the next ones take their places.
"""

from collections import Counter
from math import ceil

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.experiments.scale.asked import asking
from crossmodal.experiments.scale.likeness import like
from crossmodal.experiments.scale.params import INDEX, TOP
from crossmodal.experiments.scale.ranks import ranks_of
from crossmodal.experiments.scale.systems import labels_of, open_searchers, second_stage
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.search.store import Part, Positions, VectorStore, open_store

BATCH = 64


def main(
    indexes: Ins, points: Ins, vectors: Ins, names: In, captions: In, images: In, bank: Ins, reranker: Ins,
    judged: Out, spec: Spec,
) -> None:  # fmt: skip
    faiss.omp_set_num_threads(spec["threads"])
    values, gallery, own = spec["parameters"], open_store(vectors), read_embeddings(images)
    asked = asking(captions, values["queries"], spec["seed"])
    places = {image_id: gallery.count + row for row, image_id in enumerate(own.ids)}
    with_own = VectorStore([*gallery.parts, Part(own.vectors)])
    labels = labels_of(names, values["size"])
    trained = dict(zip(("config", "weights"), reranker, strict=False))
    stage = second_stage(values["stage"], with_own, labels, bank[0], trained)
    searcher = open_searchers(values["indexes"], indexes, points, gallery)[INDEX]
    alike = max(Counter(labels).values(), default=0)
    ranks = []
    for first in range(0, len(asked.ids), BATCH):
        part = slice(first, first + BATCH)
        queries, wanted = asked.vectors[part], np.array([places[owner] for owner in asked.image_ids[part]])
        # As many are refined as for a test caption.
        refined = max(values["depth"], ceil(TOP * searcher.point.k_factor))
        candidates = searcher.candidates(queries, refined + alike)[1]
        candidates = without(candidates, like(candidates, asked.labels[part], labels), refined)
        found = searcher.refine(queries, candidates, min(values["depth"], candidates.shape[1]))
        scores, positions = put_in(*found, with_own, queries, wanted)
        ordered = stage(queries, positions, scores)
        ranks.append([ranks_of(wanted, positions), ranks_of(wanted, ordered)])
    exact, staged = (np.concatenate([pair[side] for pair in ranks]) for side in (0, 1))
    columns = {"query_id": asked.ids, "cluster": asked.image_ids, "exact": exact, "rerank": staged}
    pq.write_table(pa.table(columns), judged, compression="zstd")


def without(positions: Positions, left_out: npt.NDArray[np.bool_], n: int) -> Positions:
    """Return the first n of `positions` [q, k] that are not `left_out` [q, k]; -1 where there are fewer."""
    order = np.argsort(left_out, axis=1, kind="stable")[:, :n]
    return np.take_along_axis(np.where(left_out, -1, positions), order, axis=1)


def put_in(
    scores: Vectors, positions: Positions, store: VectorStore, queries: Vectors, wanted: Positions
) -> tuple[Vectors, Positions]:
    """Return candidates [q, k] by falling score: those given, in that order, and `wanted` [q] among them.

    What is then one too many, the last, is dropped, `wanted` itself where all others score higher.
    """
    own = np.vecdot(store.rows(wanted), queries)
    every = np.concatenate([scores, own[:, None]], axis=1)
    held = np.concatenate([positions, wanted[:, None]], axis=1)
    order = np.argsort(-every, axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(every, order, axis=1), np.take_along_axis(held, order, axis=1)


if __name__ == "__main__":
    run(main)
