"""Job: the real part of the gallery: the target's test images, then real distractors in random order."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.errors import UserError
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import Embeddings, Vectors, read_embeddings
from crossmodal.search.checks import checked
from crossmodal.search.store import write_store

ORIGIN = "origin"
"""The column that says where an item is from: 0 for the target's own, then the sources by their order."""


def main(own: In, sources: Ins, queries: In, real: Out, names: Out, spec: Spec) -> None:
    asked = read_embeddings(queries).labels
    found, rows = gather(read_embeddings(own), list(map(read_embeddings, sources)), asked, spec["seed"])
    write_store(real, checked([found], "the real items"), "float16")
    write_items(names, rows)


Rows = dict[str, list[str] | list[int]]


def gather(
    own: Embeddings, sources: Sequence[Embeddings], asked: Sequence[str], seed: int
) -> tuple[Vectors, Rows]:
    """Return the vectors, float32 [n, d], and the names of the real items.

    Distractors whose label is `asked` for are left out, since they would be right answers that count as wrong,
    and so is every one whose vector, in half precision, stands before it. They are in random order, so that
    every beginning of the gallery is a sample of all: a larger gallery is more of the same, not other things.
    UserError where sources come from another model or have another width.
    """
    for source in sources:
        if source.metadata["model"] != own.metadata["model"]:
            raise UserError("sources are embedded by another model than the target: run the study again")
    wanted = set(asked)
    kept = [
        (origin, row)
        for origin, source in enumerate(sources, start=1)
        for row, label in enumerate(source.labels)
        if label not in wanted
    ]
    order = np.random.default_rng(seed).permutation(len(kept))
    kept = [kept[place] for place in order]
    parts = [own, *sources]
    vectors = np.concatenate(
        [own.vectors, np.stack([parts[origin].vectors[row] for origin, row in kept])]
        if kept
        else [own.vectors]
    )
    first = _first_of_each(vectors.astype(np.float16))
    first[: len(own.ids)] = True
    named = [(0, row) for row in range(len(own.ids))] + kept
    chosen = [named[place] for place in np.flatnonzero(first)]
    rows: Rows = {
        "id": [parts[origin].ids[row] for origin, row in chosen],
        "label": [parts[origin].labels[row] for origin, row in chosen],
        ORIGIN: [origin for origin, _ in chosen],
    }
    return vectors[first], rows


def write_items(path: Path, rows: Rows) -> None:
    """Write the names of the real items, a row each in the order of the gallery."""
    schema = pa.schema([("id", pa.string()), ("label", pa.string()), (ORIGIN, pa.int64())])
    pq.write_table(pa.table(rows, schema=schema), path, compression="zstd")


def _first_of_each(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.bool_]:
    """Return which rows, [n], have no equal row before them."""
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize)))[:, 0]
    first = np.zeros(len(rows), dtype=bool)
    first[np.unique(rows, return_index=True)[1]] = True
    return first


if __name__ == "__main__":
    run(main)
