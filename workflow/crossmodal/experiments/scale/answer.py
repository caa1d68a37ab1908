"""Job: what every way to search finds for the test captions at one size, beside exhaustive search."""

from collections.abc import Sequence

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.experiments.scale.asked import asking, read_found
from crossmodal.experiments.scale.likeness import like
from crossmodal.experiments.scale.params import EXHAUSTIVE, RERANK, TOP
from crossmodal.experiments.scale.systems import labels_of, open_searchers, second_stage, ways
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.search.store import Positions, open_store

RECALLS = (1, 5, 10)
BATCH = 64


def main(
    indexes: Ins, points: Ins, vectors: Ins, names: In, captions: In, bank: Ins, reranker: Ins, found: Ins,
    answers: Out, spec: Spec,
) -> None:  # fmt: skip
    faiss.omp_set_num_threads(spec["threads"])
    values, store = spec["parameters"], open_store(vectors)
    asked = asking(captions, values["queries"], spec["seed"])
    exact = read_found(found, "test")[1][:, :TOP]
    labels = labels_of(names, values["size"])
    stage = None
    if values["stage"]:
        stage = second_stage(
            values["stage"], store, labels, bank[0], dict(zip(("config", "weights"), reranker, strict=False))
        )
    systems = [name for name in values["systems"] if name != EXHAUSTIVE]
    searchers = open_searchers(values["indexes"], indexes, points, store)
    results = {EXHAUSTIVE: exact}
    for name, way in ways(systems, searchers, store, stage, values["depth"]).items():
        parts = [way(asked.vectors[first : first + BATCH])[0] for first in range(0, len(asked.ids), BATCH)]
        results[name] = np.concatenate(parts)
    tables = [
        table_of(name, asked.ids, asked.image_ids, asked.labels, positions, exact, labels)
        for name, positions in results.items()
    ]
    pq.write_table(pa.concat_tables(tables), answers, compression="zstd")


def table_of(
    system: str, ids: Sequence[str], owners: Sequence[str], asked: Sequence[str], positions: Positions,
    exact: Positions, labels: Sequence[str],
) -> pa.Table:  # fmt: skip
    """Return what a way to search found, a row for each caption.

    `recall@k` is 1 where an item of the caption's label is among the first k of `positions` [q, TOP], `found`
    the share of the exhaustive top ten, `exact` [q, TOP], that it returned; where a second stage may take
    others with good reason that is left empty. `labels` are those of the first items of the gallery; the others
    have none.
    """
    relevant = like(positions, asked, labels)
    columns = {
        "system": [system] * len(ids),
        "query_id": list(ids),
        "cluster": list(owners),
        **{f"recall@{k}": relevant[:, :k].any(axis=1).astype(np.float64) for k in RECALLS},
        "found": pa.nulls(len(ids), pa.float64()) if RERANK in system else shares(positions, exact),
        "top": list(positions[:, :TOP]),
    }
    return pa.table(columns)


def shares(positions: Positions, exact: Positions) -> npt.NDArray[np.float64]:
    """Return which share of each row of `exact` [q, k] is in the same row of `positions`, float64 [q]."""
    hits = (exact[:, :, None] == positions[:, None, :]).any(axis=2)
    found: npt.NDArray[np.float64] = hits.mean(axis=1)
    return found


if __name__ == "__main__":
    run(main)
