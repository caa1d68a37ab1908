"""One way to search, measured: what it finds, what of exhaustive search it finds, and how fast."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmodal.models.embeddings import Embeddings
from crossmodal.search.gallery import Candidates, Gallery, find_candidates
from crossmodal.search.measure import index_recall, latency
from crossmodal.search.settings import LatencyProtocol
from crossmodal.statistics.queries import evaluate_lists

if TYPE_CHECKING:
    from crossmodal.search.reranker import Reranker

DEPTH = 100  # items of a list that is scored: what nDCG@100 looks at
TOP = 10  # items that a user is shown: what is timed and what recall of the index is about


def measure_search(
    index: Any, reranker: "Reranker | None", gallery: Gallery, captions: Embeddings, protocol: LatencyProtocol,
    card: Path, coordinates: dict[str, Any], measured: Path, results: Path,
) -> None:  # fmt: skip
    """Answer every caption and write `results` (queries.parquet) and `measured` (a SearchRecord, JSON).

    The time of a query runs from its vector to the final list: searching the index and, with a re-ranker,
    putting its candidates in order. `card` is the index's; `coordinates` go into the record as they are.
    """
    depth = max(DEPTH, reranker.params.candidates if reranker else 0)
    found = find_candidates(index, gallery, captions, depth)
    positions = found.positions
    if reranker:
        from crossmodal.search.reranker import rerank  # torch: a search without a re-ranker starts sooner

        positions = rerank(reranker, gallery.vectors, found)
    evaluate_lists(captions, gallery.ids, gallery.labels, positions, results)
    wanted = reranker.params.candidates if reranker else TOP
    queries = np.ascontiguousarray(captions.vectors)

    def search(i: int) -> Candidates:
        query = queries[i : i + 1]
        scores, places = index.search(query, min(wanted, len(gallery.ids)))
        return Candidates(query, places, scores, np.zeros_like(places, dtype=bool))

    def answer(i: int) -> object:
        candidates = search(i)
        return rerank(reranker, gallery.vectors, candidates) if reranker else candidates

    samples = latency(answer, len(queries), protocol)
    card_facts = json.loads(card.read_text())
    record = coordinates | {
        "items": card_facts["items"],
        "bytes": card_facts["bytes"],
        "recall@10": index_recall(gallery.vectors, queries, found.positions, TOP).tolist(),
        "clusters": captions.image_ids,
        "samples_ms": samples.tolist(),
        "qps": 1000 / float(samples.mean()),
        "rerank": None,
    }
    if reranker:
        lists = [search(i) for i in range(min(len(queries), protocol.measured))]
        only = latency(lambda i: rerank(reranker, gallery.vectors, lists[i]), len(lists), protocol)
        record["rerank"] = {"samples_ms": only.tolist()}
    measured.write_text(json.dumps(record) + "\n")
