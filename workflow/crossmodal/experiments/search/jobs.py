"""The jobs of H3 beside its numbers and its section: galleries, indexes, re-rankers, measured pipelines."""

from collections.abc import Iterator

from crossmodal.experiments.search.params import EXACT, RERANK, index_of, stage_of
from crossmodal.jobs.rules import TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import EMBED, embedding, kind_module, plain
from crossmodal.study.study import SetName, Study

PARAMETERS = ("embeddings", "search")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""
PLOTS = {
    "recall-latency": {
        "template": "named_points",
        "x": "latency_p50_ms",
        "y": "recall@10",
        "title": "Recall@10 over latency of a query, a point for each way to search",
        "x_label": "p50 latency, ms",
        "y_label": "recall@10, fraction",
    },
}
"""What DVC shows, by the name of its table (columns: figures.py)."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    params = study.room("search")
    for cell, seed in search_runs(study):
        run = {"cell": cell, "seed": str(seed)}
        if gallery_sets(study):
            yield "embed_galleries", run
        for index in params.indexes:
            reranked = index in params.reranking.indexes
            for split in ("train", "val", "test") if reranked else ("test",):
                yield "build_index", run | {"index": index, "split": split}
            if reranked:
                yield "train_reranker", run | {"index": index}
        for pipeline in params.pipelines():
            yield "measure_search", run | {"pipeline": pipeline}


def search_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) whose embeddings are indexed."""
    for cell in study.room("search").cells:
        yield cell, study.seeds_of(cell)[0]


def gallery_sets(study: Study) -> list[SetName]:
    """Return the sets that galleries are made of beside the target's test split, which every cell embeds."""
    params, target = study.room("search"), study.adaptation.dataset
    if not (params.distractors or params.own_style or params.reranking.indexes):
        return []
    own = [SetName(target, split, "clean") for split in ("train", "val")]
    return list(dict.fromkeys(own + [SetName(name, "train", "clean") for name in params.distractors]))


EARLIER = {"train": (), "val": ("train",), "test": ("train", "val")}
"""The splits of the target that are distractors in the gallery of a split, with `own_style`.

Never a later one: what a re-ranker learns from or is selected by must not hold what it is measured on. So of the
target the gallery of train holds only answers to its own queries. A known limit: the cell and the re-ranker were
trained on the train images that are distractors of val and test; nothing is cross-fitted.
"""


def gallery(study: Study, split: str) -> list[SetName]:
    """Return what the gallery of a split of the target consists of: its own images, then distractors.

    No set stands twice, whatever `distractors` name.
    """
    room, target = study.room("search"), study.adaptation.dataset
    earlier = EARLIER[split] if room.own_style else ()
    sets = [SetName(target, name, "clean") for name in (split, *earlier)]
    return list(dict.fromkeys(sets + [SetName(name, "train", "clean") for name in room.distractors]))


def _index(study: Study, cell: str, seed: str, index: str, split: str) -> Job:
    params = study.room("search").indexes[index]
    return Job({"index": plain(params)}, seed=int(seed), modules=(kind_module("search", params),))


def _reranker(study: Study, cell: str, seed: str, index: str) -> Job:
    params = study.room("search").indexes[index]
    return Job(
        {"index": plain(params), "reranker": plain(study.room("search").reranking.model)},
        seed=int(seed),
        modules=(kind_module("search", params),),
    )


def _search(study: Study, cell: str, seed: str, pipeline: str) -> Job:
    room = study.room("search")
    params, stage = room.indexes[index_of(pipeline)], stage_of(pipeline)
    target = study.adaptation.dataset
    own = [place for place, name in enumerate(gallery(study, "test")) if name.dataset == target]
    return Job(
        {
            "index": plain(params),
            "latency": plain(room.latency),
            "reranker": plain(room.reranking.model) if stage == RERANK else None,
            "rescored": room.rescored() if stage == EXACT else None,
            "probe": None if stage else {"candidates": room.reranking.model.candidates, "own": own},
            "target": target,
        },
        seed=int(seed),
        modules=(kind_module("search", params),),
    )


RULES = {
    "embed_galleries": Rule(EMBED, embedding, "search"),
    "build_index": Rule("crossmodal.experiments.search.build_index", _index, "search"),
    "train_reranker": Rule("crossmodal.experiments.search.train_reranker", _reranker, "search"),
    "measure_search": Rule("crossmodal.experiments.search.measure_search", _search, TIMED),
}
