"""One way to search, measured: what it finds, what of exhaustive search it finds, and how fast."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.experiments.search.blindness import probe_candidates
from crossmodal.models.embeddings import Embeddings, Vectors
from crossmodal.search.gallery import Candidates, Gallery, find_candidates
from crossmodal.search.measure import index_recall, latency, latency_twice
from crossmodal.search.settings import LatencyProtocol
from crossmodal.statistics.queries import evaluate_lists

DEPTH = 100  # items of a list that is scored: what nDCG@100 looks at
TOP = 10  # items that a user is shown: what is timed and what recall of the index is about


@dataclass(frozen=True)
class Stage:
    """What puts the first `candidates` items that an index finds in another order."""

    candidates: int
    order: Callable[[Vectors, Candidates], npt.NDArray[np.int64]]
    """Gallery vectors and what the index found -> positions [q, k]."""


def measure_search(
    index: Any, stage: Stage | None, gallery: Gallery, captions: Embeddings, protocol: LatencyProtocol,
    card: Path, coordinates: dict[str, Any], probe: dict[str, Any] | None, measured: Path, results: Path,
) -> None:  # fmt: skip
    """Answer every caption and write `results` (queries.parquet) and `measured` (a SearchRecord, JSON).

    The time of a query runs from its vector to the final list: searching the index and, with a second stage,
    putting its candidates in order. `card` is the index's; `coordinates` go into the record as they are.
    `probe`, where given, says which candidates the query-blind probe looks at: `candidates`, how many of each
    query, and `own`, the origins in the gallery that are the target's.
    """
    found = find_candidates(index, gallery, captions, max(DEPTH, stage.candidates if stage else 0))
    positions = stage.order(gallery.vectors, found) if stage else found.positions
    evaluate_lists(captions, gallery.ids, gallery.labels, positions, results)
    wanted = stage.candidates if stage else TOP
    queries = np.ascontiguousarray(captions.vectors)

    def search(i: int) -> Candidates:
        query = queries[i : i + 1]
        scores, places = index.search(query, min(wanted, len(gallery.ids)))
        return Candidates(query, places, scores, np.zeros_like(places, dtype=bool))

    def answer(i: int) -> object:
        candidates = search(i)
        return stage.order(gallery.vectors, candidates) if stage else candidates

    samples, again = latency_twice(answer, len(queries), protocol)
    card_facts = json.loads(card.read_text())
    record = coordinates | {
        "items": card_facts["items"],
        "bytes": card_facts["bytes"],
        "recall@10": index_recall(gallery.vectors, queries, found.positions, TOP).tolist(),
        "clusters": captions.image_ids,
        "samples_ms": samples.tolist(),
        "again_ms": again.tolist(),
        "qps": 1000 / float(samples.mean()),
    }
    if probe:
        seen = found.positions[:, : probe["candidates"]]
        asked, seed = set(captions.labels), coordinates["seed"]
        record["probes"] = probe_candidates(gallery, seen, asked, probe["own"], seed)
    if stage:
        order, vectors = stage.order, gallery.vectors
        lists = [search(i) for i in range(min(len(queries), protocol.measured))]
        only = latency(lambda i: order(vectors, lists[i]), len(lists), protocol)
        record["stage"] = {"samples_ms": only.tolist()}
    measured.write_text(json.dumps(record) + "\n")
