"""The tables of H3: what each way to search finds and takes, and what its parts are chosen by."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crossmodal.experiments.search.blindness import METRICS as BLIND
from crossmodal.experiments.search.latency import PERCENTILES
from crossmodal.experiments.search.names import Way, read_way
from crossmodal.report.lookup import Number, Numbers
from crossmodal.report.tables import Figure, Row, Table, Tables, figure, without_empty

SEARCH_METRICS = {
    "recall@10": "R@10 %",
    "gain_over_exact_recall@10": "R@10 over exact %",
    "loss_recall@10": "lost R@10 %",
    "index_recall@10": "exhaustive top ten found %",
    "latency_p50": "p50 ms",
    "latency_p95": "p95 ms",
    "latency_p99": "p99 ms",
    "items": "items",
    "bytes": "size",
}
SHIFTED_METRICS = {
    metric: SEARCH_METRICS[metric] for metric in ("recall@10", "gain_over_exact_recall@10", "loss_recall@10")
}
HELP_METRICS = {
    "gain_over_index_recall@10": "R@10 gained %",
    "gain_over_index_index_recall@10": "exhaustive top ten gained %",
}
"""What an index gains over the one that the claims are about."""
POINT_METRICS = {
    "nprobe": "lists",
    "ef_search": "candidates kept",
    "k_factor": "refined for each result",
    "validation_recall@10": "exhaustive top ten found %",
    "reached": "runs at the target %",
}
STAGE_METRICS = {
    "epoch": "epoch kept",
    "epoch_zero": "runs that stayed at exact re-scoring %",
    "validation_mrr": "validation MRR %",
    "validation_mrr_exact": "of exact re-scoring %",
    "chosen_k": "k",
    "chosen_weight": "weight",
    "chosen_temperature": "temperature",
    "chosen_alpha": "weight of the cache",
    "chosen_beta": "sharpness of the cache",
}
BLIND_METRICS = {
    BLIND["pairs"]: "right against wrong candidates, AUC %",
    BLIND["all"]: "asked for against all others, AUC %",
    BLIND["own"]: "against the target’s own, AUC %",
    BLIND["distractors"]: "against other datasets’, AUC %",
}
"""AUC of the query-blind probe (blindness.py)."""
PARTS = ("search", "refine", "rerank")
TRANSDUCTIVE = ("csls",)
"""Kinds of second stages that look at all queries of the test."""


class Searches:
    """The numbers of this experiment by way and place, and what the study says of them."""

    def __init__(self, numbers: Numbers, room: Mapping[str, Any]) -> None:
        """Take all numbers; `room` are the parameters as a job has them, those of an older version included."""
        self.numbers = numbers
        self.galleries = list(room.get("galleries") or {})
        self.main = room.get("gallery") or min(self.galleries, default="")
        self.stages: Mapping[str, Any] = room.get("stages") or {}
        found = [n for n in numbers if n.experiment == "search" and n.split == "test" and n.variant != "-"]
        keys = dict.fromkeys((n.cell, n.dataset, n.variant) for n in found)
        self.keys = [(cell, dataset, read_way(variant, self.galleries)) for cell, dataset, variant in keys]
        self.cells = list(dict.fromkeys(cell for cell, _, _ in self.keys))

    def places(self) -> list[tuple[str, str]]:
        """Return the galleries and shifts that there are numbers of, as ways name them."""
        return list(dict.fromkeys(way.place for _, _, way in self.keys))

    def find(self, metric: str, cell: str, variant: str, **where: str) -> Number | None:
        """Return a number of a variant."""
        return self.numbers.find("search", metric, cell=cell, variant=variant, **where)

    def of_way(self, metric: str, cell: str, way: Way) -> Number | None:
        """Return a number of a way; what is of its index alone is found too."""
        own = self.find(metric, cell, way.variant, split="test")
        if own is None and metric in ("items", "bytes"):
            return self.find(metric, cell, way._replace(stage="", shift="").variant, split="test")
        return own

    def gallery(self, name: str) -> str:
        """Return how a gallery is called: that of the claims has no name in ways."""
        return name or self.main

    def row_name(self, cell: str, name: str) -> str:
        """Return the name of a row, with its cell where there are several."""
        return f"{cell} · {name}" if len(self.cells) > 1 else name

    def caveats(self, way: Way) -> tuple[str, ...]:
        """Return what the numbers of a way leave out."""
        kind = self.stages.get(way.stage, {}).get("kind")
        return ("transductive",) if kind in TRANSDUCTIVE else ()

    def ways_at(self, place: tuple[str, str]) -> Iterator[tuple[str, Way]]:
        """Yield the cell and way of everything that searches in a place."""
        yield from ((cell, way) for cell, _, way in self.keys if way.place == place)


def all_tables(numbers: Numbers, room: Mapping[str, Any]) -> Tables:
    """Return the tables of this experiment by name."""
    found = Searches(numbers, room)
    clean = [place for place in found.places() if not place[1]]
    return {
        "search": [(found.gallery(place[0]), search_table(found, place)) for place in clean],
        "search-shifted": [
            (f"{found.gallery(gallery)}, {shift}", search_table(found, (gallery, shift), SHIFTED_METRICS))
            for gallery, shift in found.places()
            if shift
        ],
        "search-help": [
            (found.gallery(place[0]), search_table(found, place, HELP_METRICS)) for place in clean
        ],
        "search-again": [("", again_table(found))],
        "search-latency": [("", latency_table(found))],
        "search-points": [("", points_table(found))],
        "search-stages": [("", stages_table(found))],
        "search-blind": [("", blind_table(found))],
    }


def search_table(
    found: Searches, place: tuple[str, str] = ("", ""), metrics: Mapping[str, str] = SEARCH_METRICS
) -> Table:
    """Return a row for each way to search in one gallery under one shift."""
    rows = [
        Row(
            found.row_name(cell, way.plain),
            [_figure(found, found.of_way(metric, cell, way)) for metric in metrics],
            caveats=found.caveats(way),
        )
        for cell, way in found.ways_at(place)
        if any(found.of_way(metric, cell, way) for metric in metrics if metric not in ("items", "bytes"))
    ]
    return without_empty(Table("search", "way to search", [], list(metrics.values()), rows))


def again_table(found: Searches) -> Table:
    """Return how much the same thing differs from itself: two runs of a way, and the same way timed twice."""
    metrics = {
        "aa_difference_recall@10": "R@10 of another run, difference %",
        "smallest_visible_recall@10": "smallest effect to be seen %",
        "aa_latency_p50": "p50 again, change %",
        "aa_latency_p95": "p95 again, change %",
        "aa_latency_p99": "p99 again, change %",
    }
    rows = []
    for cell, _, way in found.keys:
        figures = [_figure(found, found.find(metric, cell, way.variant, split="test")) for metric in metrics]
        if any(figures):
            rows.append(Row(found.row_name(cell, way.variant), figures))
    return without_empty(Table("again", "the same twice", [], list(metrics.values()), rows))


def latency_table(found: Searches) -> Table:
    """Return the parts of a query's time, and times and rates of batches."""
    sizes = sorted(
        {int(n.metric.removeprefix("qps_batch")) for n in found.numbers if n.metric.startswith("qps_batch")}
    )
    groups: list[tuple[str, list[tuple[str, str]]]] = [
        (part, [(f"latency_{part}_p{p}", f"p{p} ms") for p in PERCENTILES]) for part in PARTS
    ]
    groups.append(("one at a time", [("qps", "queries/s")]))
    groups += [
        (f"batches of {b}", [(f"latency_batch{b}_p50", "p50 ms"), (f"qps_batch{b}", "queries/s")])
        for b in sizes
    ]
    columns = [column for _, own in groups for column in own]
    rows = []
    for cell in found.cells:
        encoder = [
            (
                metric.replace("latency_search", "latency_encode").replace(
                    "latency_batch", "latency_encode_batch"
                )
            )
            for metric, _ in columns
        ]
        figures = [_figure(found, found.find(m, cell, "-")) if "encode" in m else None for m in encoder]
        if any(figures):
            rows.append(Row(found.row_name(cell, "encoding the caption"), figures))
    for cell, _, way in found.keys:
        figures = [_figure(found, found.find(metric, cell, way.variant)) for metric, _ in columns]
        if any(figures) and found.find("latency_search_p50", cell, way.variant):
            rows.append(Row(found.row_name(cell, way.plain), figures))
    spans = [(title, len(own)) for title, own in groups]
    return without_empty(Table("latency", "way to search", spans, [title for _, title in columns], rows))


def points_table(found: Searches) -> Table:
    """Return the operating points that were chosen on validation queries, of captions and of images apart."""
    sides = {"text": "captions ask", "image": "images ask"}
    columns = [f"{metric}_{side}" for side in sides for metric in POINT_METRICS]
    rows = []
    for cell, _, way in found.keys:
        if way.stage or way.shift:
            continue
        figures = [_figure(found, found.find(m, cell, way.variant, split="val")) for m in columns]
        if any(figures):
            rows.append(Row(found.row_name(cell, _in_gallery(found, way)), figures))
    spans = [(title, len(POINT_METRICS)) for title in sides.values()]
    titles = [title for _ in sides for title in POINT_METRICS.values()]
    return without_empty(Table("points", "index", spans, titles, rows))


def stages_table(found: Searches) -> Table:
    """Return what validation lists told the second stages: epochs that were kept, parameters that were chosen."""
    rows = []
    own = [n for n in found.numbers if n.experiment == "search" and n.split == "val"]
    for cell, variant in dict.fromkeys((n.cell, n.variant) for n in own if "+" in n.variant):
        figures = [_figure(found, found.find(m, cell, variant, split="val")) for m in STAGE_METRICS]
        if any(figures):
            rows.append(Row(found.row_name(cell, read_way(variant).stage), figures))
    return without_empty(Table("stages", "second stage", [], list(STAGE_METRICS.values()), rows))


def blind_table(found: Searches) -> Table:
    """Return how well the query-blind probe tells right candidates from the others."""
    rows = []
    for cell, _, way in found.keys:
        figures = [_figure(found, found.find(metric, cell, way.variant)) for metric in BLIND_METRICS]
        if any(figures):
            rows.append(Row(found.row_name(cell, _in_gallery(found, way)), figures))
    return without_empty(Table("blind", "candidates of", [], list(BLIND_METRICS.values()), rows))


def _in_gallery(found: Searches, way: Way) -> str:
    """Return a way with its gallery, the first one's named too where there are several."""
    return f"{way.plain} in {found.gallery(way.gallery)}" if len(found.galleries) > 1 else way.plain


def _figure(found: Searches, number: Number | None) -> Figure | None:
    return figure(found.numbers, number)


def shown(tables: Sequence[tuple[str, Table]]) -> list[tuple[str, Table]]:
    """Return the tables that hold something, for the page."""
    return [(title, table) for title, table in tables if table]
