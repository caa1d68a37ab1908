"""Job: the precision of every query of the target's test split, for each encoder and in both directions."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.experiments.encoders.precision import CUTOFFS, precisions
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.statistics.queries import IMAGE_TO_TEXT, TEXT_TO_IMAGE, with_answers

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("cell", "direction", "query_id", "cluster")]
    + [(f"precision@{k}", pa.float64()) for k in CUTOFFS]
)


def main(images: Ins, captions: Ins, precision: Out, spec: Spec) -> None:
    tables = []
    for cell, images_path, captions_path in zip(spec["parameters"]["cells"], images, captions, strict=True):
        sides = {TEXT_TO_IMAGE: read_embeddings(captions_path), IMAGE_TO_TEXT: read_embeddings(images_path)}
        for direction, other in ((TEXT_TO_IMAGE, IMAGE_TO_TEXT), (IMAGE_TO_TEXT, TEXT_TO_IMAGE)):
            asking = with_answers(sides[direction], sides[other])
            values = precisions(asking, sides[other])
            names = [[cell] * len(values), [direction] * len(values), asking.ids, asking.image_ids]
            columns = [
                *map(pa.array, names),
                *(pa.array(np.ascontiguousarray(column)) for column in values.T),
            ]
            tables.append(pa.Table.from_arrays(columns, schema=SCHEMA))
    pq.write_table(pa.concat_tables(tables), precision, compression="zstd")


if __name__ == "__main__":
    run(main)
