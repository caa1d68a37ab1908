"""How the captions of an image differ: recall of each by its place among them, and what the first ones are of.

Where the captions of a concept are one caption in several forms, all places do equally well and the first five
captions for an image are of hardly more than two concepts.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.statistics.estimates import Place, aggregate, numbers_of
from crossmodal.statistics.metrics import TOP
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import CLEAN, Panel, Result, Sums
from crossmodal.statistics.queries import IMAGE_TO_TEXT, TEXT_TO_IMAGE
from crossmodal.statistics.records import QueryRecord, distinct
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import on_subset

RECALL = "recall@1"
CONCEPTS = f"concepts_in_first_{TOP}"
"""Distinct labels among the first captions for an image."""


def caption_numbers(records: Sequence[QueryRecord], parameters: StatisticsParameters) -> list[Number]:
    """Return what captions of one clean test set say, of every cell, as aggregates over seeds.

    `recall@1` text to image of the captions at each place, with the variant `clean@caption-<place>`, counted from
    1 in the order of the dataset; and `concepts_in_first_5` of image to text, their number. No places where every
    image has a single caption, and nothing without `records`.
    """
    read = [(record, _read(record)) for record in records]
    places = sorted({place for _, table in read for place in table["place"].unique().to_pylist() if place})
    numbers: list[Number] = []
    for place in places if len(places) > 1 else []:
        part = [
            Result(record, _recall(table.filter(pc.equal(table["place"], place)))) for record, table in read
        ]
        numbers += on_subset(_numbers(part, parameters, "fraction"), f"caption-{place}", (RECALL,))
    first = [Result(record, _concepts(table)) for record, table in read]
    return numbers + _numbers(first, parameters, "concepts")


def _read(record: QueryRecord) -> pa.Table:
    """Return the queries of a result with the `place` of a caption that asks, from 1, null for an image."""
    table = read_table(record.path, ["direction", "query_id", "cluster", "label", RECALL, "top"])
    places = [
        int(query.rpartition("#")[2]) + 1 if direction == TEXT_TO_IMAGE else None
        for direction, query in zip(
            table["direction"].to_pylist(), table["query_id"].to_pylist(), strict=True
        )
    ]
    return table.append_column("place", pa.array(places, pa.int64()))


def _recall(table: pa.Table) -> dict[str, Sums]:
    values = table[RECALL].to_numpy()[:, None]
    return {TEXT_TO_IMAGE: Sums((RECALL,), table["cluster"].to_pylist(), values, np.ones(len(values)))}


def _concepts(table: pa.Table) -> dict[str, Sums]:
    label_of = dict(zip(table["cluster"].to_pylist(), table["label"].to_pylist(), strict=True))
    asking = table.filter(pc.equal(table["direction"], IMAGE_TO_TEXT))
    counts = [len({label_of[item.rpartition("#")[0]] for item in top}) for top in asking["top"].to_pylist()]
    values = np.array(counts, dtype=np.float64)[:, None]
    return {IMAGE_TO_TEXT: Sums((CONCEPTS,), asking["cluster"].to_pylist(), values, np.ones(len(values)))}


def _numbers(results: Sequence[Result], parameters: StatisticsParameters, unit: str) -> list[Number]:
    numbers: list[Number] = []
    if not results:
        return numbers
    panel, dataset = Panel(results, parameters), results[0].record.dataset
    for cell in distinct([result.record for result in results], "cell"):
        for key, seeds in panel.measure(cell).items():
            place = Place("peft", cell, dataset, "test", CLEAN, key.direction)
            numbers += numbers_of(place, key.metric, aggregate(seeds), parameters.level, unit)
    return numbers
