"""Job: answer the test captions by every way to search, in every gallery, as they are and under shifts."""

import json
from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal.experiments.search.answers import DEPTH, Answering, Place, Positions
from crossmodal.experiments.search.names import CLEAN, INDEX_RECALL, KEPT, Way, read_way
from crossmodal.experiments.search.probes import probe_candidates
from crossmodal.experiments.search.sources import Sources, found_by
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import Embeddings, read_embeddings
from crossmodal.search.gallery import Candidates
from crossmodal.statistics.metrics import score_lists
from crossmodal.statistics.queries import TEXT_TO_IMAGE, query_table

COLUMNS = ["query_id", "cluster", "label", *KEPT, "rank", "top"]
"""What is kept of the results of queries (statistics/queries.py)."""


def main(
    indexes: Ins, images: Ins, captions: Ins, learnt_images: In, bank: In, validation_images: In,
    validation_captions: In, trained: Ins, patches: Ins, words: Ins, queries: Out, record: Out, spec: Spec,
) -> None:  # fmt: skip
    values, seed = spec["parameters"], spec["seed"]
    faiss.omp_set_num_threads(spec["threads"])
    if trained:
        from crossmodal.torch_setup import prepare_torch  # where no stage is trained nothing needs torch

        prepare_torch(spec["threads"], seed)
    validation = (validation_images, validation_captions)
    galleries = [name for name, _ in values["galleries"]]
    sources = Sources.read(
        values, galleries, indexes, images, learnt_images, bank, validation, trained, patches, words
    )
    lists = sources.validation_lists(seed) if values["stages"] else None
    asked = dict(zip(values["asked"], map(read_embeddings, captions), strict=True))
    found: list[pa.Table] = []
    facts: dict[str, Any] = {"run": seed, "galleries": {}, "indexes": [], "stages": [], "probes": []}
    for name in galleries:
        place = Place(sources, name, lists, record.parent)
        found += answer(place, asked)
        facts["galleries"][name] = len(place.gallery.ids)
        facts["indexes"] += list(index_facts(sources, name))
        facts["stages"] += list(stage_facts(place))
        if seed == 0:
            facts["probes"] += list(probed(place, asked[CLEAN], seed))
    pq.write_table(
        pa.concat_tables(found, promote_options="default").unify_dictionaries(), queries, compression="zstd"
    )
    record.write_text(json.dumps(facts, indent=1) + "\n")


def answer(place: Place, asked: dict[str, Embeddings]) -> Iterator[pa.Table]:
    """Yield the results of the queries of every set by every way."""
    exact = {name: place.exact(captions.vectors) for name, captions in asked.items()}
    firsts: dict[tuple[str, str, int], Candidates] = {}
    for way in map(read_way, place.sources.values["ways"]):
        for name, captions in asked.items():
            answering = place.answering(way, captions.vectors, name)
            depth = depth_of(place, answering)
            if (way.base, name, depth) not in firsts:
                firsts[way.base, name, depth] = found_by(answering.searcher, place.gallery, captions, depth)
            positions = answering.order(firsts[way.base, name, depth])
            share = place.found_share(captions.vectors, positions, exact[name])
            table = table_of(place, way, name, captions, positions)
            yield table.append_column(INDEX_RECALL, pa.array(share, pa.float64()))


def depth_of(place: Place, answering: Answering) -> int:
    """Return how many items an index is asked for where a way answers: at least as many as that way takes.

    A graph looks further when it is asked for more, so it is asked for as many as where it is timed.
    """
    if answering.searcher.point.ef_search:
        return answering.candidates
    return max(DEPTH, place.sources.candidates(), answering.candidates)


def table_of(place: Place, way: Way, asked: str, captions: Embeddings, positions: Positions) -> pa.Table:
    """Return the results of the queries of one set by one way: a row each, of the metrics that are reported.

    `positions` [q, n] are what the way found, best first.
    """
    gallery = place.gallery
    codes = np.unique([*captions.labels, *gallery.labels], return_inverse=True)[1]
    scores = score_lists(positions, codes[: len(positions)], codes[len(positions) :])
    table = query_table(TEXT_TO_IMAGE, captions, gallery.ids, scores).select(COLUMNS)
    for name, value in (("asked", asked), ("way", way.plain), ("gallery", place.name)):
        table = table.add_column(0, name, pa.array([value] * len(table)).dictionary_encode())
    return table


def index_facts(sources: Sources, gallery: str) -> Iterator[dict[str, Any]]:
    """Yield the size and the operating points of each index of a gallery."""
    for index, folder in sources.indexes[gallery].items():
        card = json.loads((folder / "card.json").read_text())
        points = json.loads((folder / "points.json").read_text())
        yield {
            "gallery": gallery,
            "index": index,
            "items": card["items"],
            "bytes": card["bytes"],
            "points": {
                side: {k: v for k, v in point.items() if k != "curve"} for side, point in points.items()
            },
        }


def stage_facts(place: Place) -> Iterator[dict[str, Any]]:
    """Yield what validation lists told each second stage: the epoch that was kept, the parameters."""
    for stage, params in place.chosen.items():
        facts: dict[str, Any] = {
            "gallery": place.name,
            "stage": stage,
            "params": params.model_dump(mode="json"),
        }
        if files := place.sources.trained.get(stage):
            config = json.loads(files["config"].read_text())
            facts |= {name: config[name] for name in ("epoch", "validation", "exact")}
        yield facts


def probed(place: Place, captions: Embeddings, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the query-blind probes (records.Probe) of the candidates that stages of the claims' index get."""
    values = place.sources.values
    index = values["candidates_of"] or values["exhaustive"]
    if index is None:
        return
    found = found_by(place.searchers[index], place.gallery, captions, place.sources.candidates())
    own = [
        number
        for number, position in enumerate(dict(values["galleries"])[place.name])
        if values["sets"][position] == values["target"]
    ]
    for name, probe in probe_candidates(place.gallery, found, set(captions.labels), own, seed).items():
        yield {"gallery": place.name, "index": index, "name": name, **probe}


if __name__ == "__main__":
    run(main)
