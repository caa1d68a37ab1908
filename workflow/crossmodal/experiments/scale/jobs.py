"""The jobs of H3 at size beside its numbers and its section.

Shards are their grain: each is drawn, searched exhaustively and added to an index by a job of its own, so that
a run that is ended goes on where it was, and a cluster works at many at once.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from crossmodal import registry
from crossmodal.experiments.scale.params import HNSW, INDEX, Params
from crossmodal.jobs.rules import ALONE, TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import kind_module, method_module, plain
from crossmodal.study.study import SetName, Study

PARAMETERS = ("embeddings", "scale", "search")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""
PLOTS = {
    "scale": {
        "template": "named_points",
        "x": "items",
        "y": "latency_p99_ms",
        "title": "p99 latency over items, a point for each way to search and size",
        "x_label": "items",
        "y_label": "p99 latency, ms",
    },
}
"""What DVC shows, by the name of its table (columns: figures.py)."""
WORK = "crossmodal.experiments.scale"


Embedded = tuple[str, str, str]
"""Dataset, split and side (`images` or `captions`) of vectors that the jobs read."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    room: Params = study.room("scale")
    if room.cell is None:
        return
    run = {"cell": room.cell, "seed": str(study.seeds_of(room.cell)[0])}
    for dataset, split, side in embedded_here(study):
        yield "embed_scale", run | {"dataset": dataset, "split": split, "side": side}
    yield "gather_real", run
    yield "fit_density", run
    for shard in range(len(room.shards())):
        yield "draw_shard", run | {"shard": str(shard)}
        yield "search_shard_exhaustively", run | {"shard": str(shard)}
    for size in room.sizes:
        sized = run | {"size": str(size)}
        yield "train_scale_index", sized
        for shard in room.shards_of(size):
            yield "fill_scale_index", sized | {"shard": str(shard)}
        yield "merge_scale_index", sized
        if HNSW in room.kinds(size):
            yield "build_scale_hnsw", sized
        for kind in room.kinds(size):
            yield "choose_scale_point", sized | {"kind": kind}
        yield "answer_scale", sized
        if room.reranker:
            yield "judge_scale_stage", sized
        for process in range(room.latency.processes):
            yield "time_scale", sized | {"process": str(process)}


def scale_run(study: Study) -> tuple[str, int]:
    """Return the cell that is searched and its seed, the first."""
    cell = study.room("scale").cell
    return cell, study.seeds_of(cell)[0]


def run_files(study: Study, name: str) -> list[str]:
    """Return a file of the run for every size, index and process, as far as these stand in `name`."""
    room: Params = study.room("scale")
    if room.cell is None:
        return []
    cell, seed = scale_run(study)
    found = [
        name.format(size=size, kind=kind, process=process)
        for size in room.sizes
        for kind in room.kinds(size)
        for process in range(room.latency.processes)
    ]
    return [f"<results>/scale/{cell}/s{seed}/{file}" for file in dict.fromkeys(found)]


def cost_files(study: Study) -> list[str]:
    """Return what each step of building each index took."""
    room: Params = study.room("scale")
    names = [
        name
        for size in room.sizes
        for name in (
            f"{size}/trained.json",
            *(f"{size}/parts/{shard}.json" for shard in room.shards_of(size)),
            f"{size}/merged.json",
            *([f"{size}/hnsw.json"] if HNSW in room.kinds(size) else []),
        )
    ]
    return [file for name in names for file in run_files(study, name)]


def needed(study: Study) -> list[Embedded]:
    """Return the embeddings that the jobs read: queries of two splits, real images, and what a second stage, or
    something else that learns from captions, asks for.
    """
    room, target = study.room("scale"), study.adaptation.dataset
    learns = [(target, "train", "captions")] if room.learns_from_captions() else []
    learns += [(target, "val", "images")] if room.reranker else []
    images = [(target, "test", "images"), *((name, "train", "images") for name in room.sources)]
    return [*images, (target, "test", "captions"), (target, "val", "captions"), *learns]


def embedded_here(study: Study) -> list[Embedded]:
    """Return those of them that no other job of the study embeds with this cell."""
    sets = set(study.target_sets())
    if "search" in study.rooms():
        search = registry.room("search", "jobs")  # its galleries, where it has the same cell
        if scale_run(study) in set(search.search_runs(study)):
            sets |= set(search.gallery_sets(study))
    return [name for name in needed(study) if SetName(*name[:2], "clean") not in sets]


def _embedding(study: Study, cell: str, seed: str, dataset: str, split: str, side: str) -> Job:
    modules = (method_module(study, cell),)
    return Job(plain(study.embeddings), seed=int(seed), modules=modules, models=(study.model_of(cell),))


def _gallery(study: Study, cell: str, seed: str) -> Job:
    return Job({}, seed=int(seed))


def _shard(study: Study, cell: str, seed: str, shard: str) -> Job:
    rows = study.room("scale").shards()[int(shard)]
    return Job({"first": rows.first, "count": rows.count}, seed=int(seed))


def _exhaustive(study: Study, cell: str, seed: str, shard: str) -> Job:
    room = study.room("scale")
    return Job({"first": room.shards()[int(shard)].first, **_asked(room)}, seed=int(seed))


def _asked(room: Params) -> dict[str, Any]:
    return {"queries": room.queries, "depth": room.candidates}


def _training(study: Study, cell: str, seed: str, size: str) -> Job:
    room = study.room("scale")
    return Job(
        {"index": plain(room.index_at(int(size))), "size": int(size)},
        seed=int(seed),
        threads=room.threads,
        modules=(kind_module("search", room.index),),
    )


def _filling(study: Study, cell: str, seed: str, size: str, shard: str) -> Job:
    index = study.room("scale").index_at(int(size))
    return Job({"index": plain(index)}, seed=int(seed), modules=(kind_module("search", index),))


def _merging(study: Study, cell: str, seed: str, size: str) -> Job:
    return _filling(study, cell, seed, size, "")


def _hnsw(study: Study, cell: str, seed: str, size: str) -> Job:
    index = study.room("scale").hnsw
    return Job({"index": plain(index)}, seed=int(seed), modules=(kind_module("search", index),))


def _choice(study: Study, cell: str, seed: str, size: str, kind: str) -> Job:
    room = study.room("scale")
    index = room.hnsw if kind == HNSW else room.index_at(int(size))
    values = {"index": plain(index), "size": int(size), "target_recall": room.target_recall, **_asked(room)}
    return Job(values, seed=int(seed), modules=(kind_module("search", index),))


def _searched(study: Study, size: str, kinds: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what describes a search of indexes of `kinds` with the second stage, and the modules of both."""
    room: Params = study.room("scale")
    indexes: dict[str, Any] = {
        kind: room.hnsw if kind == HNSW else room.index_at(int(size)) for kind in kinds
    }
    stage = study.room("search").stages[room.reranker] if room.reranker else None
    values = {
        "indexes": [[kind, plain(index)] for kind, index in indexes.items()],  # a spec sorts mappings
        "size": int(size),
        "stage": plain(stage) if stage else None,
        **_asked(room),
    }
    staged = (kind_module("reranking", stage),) if stage else ()
    return values, (*(kind_module("search", index) for index in indexes.values()), *staged)


def _systems(study: Study, size: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what describes all ways to search at a size, and the modules of their kinds."""
    room: Params = study.room("scale")
    values, modules = _searched(study, size, room.kinds(int(size)))
    return values | {"systems": room.systems(int(size))}, modules


def _answers(study: Study, cell: str, seed: str, size: str) -> Job:
    values, modules = _systems(study, size)
    return Job(values, seed=int(seed), modules=modules)


def _judging(study: Study, cell: str, seed: str, size: str) -> Job:
    values, modules = _searched(study, size, [INDEX])
    return Job(values, seed=int(seed), modules=modules)


def _times(study: Study, cell: str, seed: str, size: str, process: str) -> Job:
    values, modules = _systems(study, size)
    # How many processes there are is none of a process's business: one more makes no other one stale.
    protocol = study.room("scale").latency.model_dump(mode="json", exclude={"processes"})
    timed = {"latency": protocol, "again": study.room("scale").main()}
    return Job(values | timed, seed=int(seed) + int(process), modules=modules)


RULES = {
    "embed_scale": Rule(f"{WORK}.embed_source", _embedding, "embeddings"),
    "gather_real": Rule(f"{WORK}.gather_real", _gallery, ALONE),
    "fit_density": Rule(f"{WORK}.fit_density", _gallery, ALONE),
    "draw_shard": Rule(f"{WORK}.draw_shard", _shard, ALONE),
    "search_shard_exhaustively": Rule(f"{WORK}.search_shard", _exhaustive, ALONE),
    "train_scale_index": Rule(f"{WORK}.train_index", _training, ALONE),
    "fill_scale_index": Rule(f"{WORK}.fill_index", _filling, ALONE),
    "merge_scale_index": Rule(f"{WORK}.merge_index", _merging, ALONE),
    "build_scale_hnsw": Rule(f"{WORK}.build_hnsw", _hnsw, ALONE),
    "choose_scale_point": Rule(f"{WORK}.choose_point", _choice, ALONE),
    "answer_scale": Rule(f"{WORK}.answer", _answers, ALONE),
    "judge_scale_stage": Rule(f"{WORK}.judge_stage", _judging, ALONE),
    "time_scale": Rule(f"{WORK}.time_systems", _times, TIMED),
}
