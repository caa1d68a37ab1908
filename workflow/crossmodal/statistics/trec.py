"""Rankings and judgements as TREC's text files, for trec_eval and what reads like it.

A run has a line for each item found, `query Q0 item rank score tag`, and judgements one for each positive,
`query 0 item 1`. Names must be without space: what is none of the letters, digits and `_.-#/` is written as in an
address (%20).
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np

from crossmodal.statistics.queries import Vectors
from crossmodal.statistics.rankings import Ranking, rankings

DEPTH = 1000
"""Items of each query in a run, TREC's custom."""


def write_run(path: Path, queries: Vectors, gallery: Vectors, tag: str, depth: int = DEPTH) -> None:
    """Write what each query finds in the gallery, best first, to `path`."""
    names, items = list(map(name_of, queries.ids)), list(map(name_of, gallery.ids))
    with path.open("w", encoding="utf-8") as file:
        for ranking in rankings(queries, gallery, depth):
            file.writelines(_lines(ranking, names, items, name_of(tag)))


def _lines(ranking: Ranking, names: list[str], items: list[str], tag: str) -> Iterator[str]:
    for row, (positions, scores) in enumerate(zip(ranking.positions, ranking.scores, strict=True)):
        query = names[ranking.first + row]
        for rank, (item, score) in enumerate(zip(positions, scores, strict=True), start=1):
            yield f"{query} Q0 {items[item]} {rank} {float(score)!r} {tag}\n"


def write_judgements(path: Path, queries: Vectors, gallery: Vectors) -> None:
    """Write which items answer each query, those of its label, to `path`."""
    labels = np.asarray(gallery.labels)
    order = np.argsort(labels, kind="stable")
    known, starts = np.unique(labels[order], return_index=True)
    groups = dict(zip(known.tolist(), np.split(order, starts[1:]), strict=True))
    items = list(map(name_of, gallery.ids))
    with path.open("w", encoding="utf-8") as file:
        for query, label in zip(queries.ids, queries.labels, strict=True):
            file.writelines(f"{name_of(query)} 0 {items[item]} 1\n" for item in groups.get(label, ()))


def name_of(name: str) -> str:
    """Return a name as a TREC file can hold it: one word."""
    return quote(name, safe="#/")
