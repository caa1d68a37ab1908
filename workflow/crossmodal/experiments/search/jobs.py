"""The jobs of H3 beside its numbers and its section: folds, galleries, indexes, re-rankers, answers, times."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from crossmodal import registry
from crossmodal.experiments.search.names import CLEAN, WITH_TOKENS, Way
from crossmodal.jobs.rules import ALONE, TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import EMBED, embedding, kind_module, method_module, plain
from crossmodal.study.rules import RULES as OTHERS
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
    if not (params.indexes and params.galleries):
        return
    trained = trained_stages(study)
    if params.cells and trained:
        yield "split_folds", {"dataset": study.adaptation.dataset}
    for cell, seed in search_runs(study):
        own = {"cell": cell, "seed": str(seed)}
        yield "embed_galleries", own
        for fold in range(params.folds) if trained else ():
            for rule in ("adapt_fold", "embed_fold"):
                yield rule, own | {"fold": str(fold)}
        if token_stages(study):
            yield "embed_tokens", own
            for fold in range(params.folds):
                yield "embed_fold_tokens", own | {"fold": str(fold)}
        for run in range(params.runs):
            numbered = own | {"run": str(run)}
            for gallery in params.galleries:
                for index in params.indexes:
                    if index_run(study, index, run) == run:
                        yield "build_index", numbered | {"gallery": gallery, "index": index}
            for stage in trained:
                yield "train_reranker", numbered | {"stage": stage}
            yield "answer_queries", numbered
        for process in range(params.latency.processes):
            yield "time_searches", own | {"process": str(process)}


def search_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) whose embeddings are indexed."""
    for cell in study.room("search").cells:
        yield cell, study.seeds_of(cell)[0]


def trained_stages(study: Study) -> list[str]:
    """Return the second stages that are trained, teachers before those that learn from them."""
    params = study.room("search")
    if params.index is None:
        return []
    # What is trained has epochs; that its module says so too is no help here, where nothing may import torch.
    found = [name for name in params.used_stages() if hasattr(params.stages[name], "epochs")]
    return sorted(found, key=lambda name: teacher_of(study, name) is not None)


def token_stages(study: Study) -> list[str]:
    """Return the trained second stages that see tokens of images and words."""
    stages = study.room("search").stages
    return [name for name in trained_stages(study) if stages[name].kind in WITH_TOKENS]


def sees_tokens(study: Study, stage: str) -> bool:
    """Return whether a second stage sees tokens of images and words."""
    return stage in token_stages(study)


def teacher_of(study: Study, stage: str) -> str | None:
    """Return the stage that a stage learns from, if it has a teacher."""
    teacher: str | None = getattr(study.room("search").stages[stage], "teacher", None)
    return teacher


def index_run(study: Study, index: str, run: int) -> int:
    """Return the run whose build of an index stands for that of `run`: exhaustive search has nothing to draw."""
    return 0 if study.room("search").indexes[index].kind == "flat" else run


def gallery_sets(study: Study) -> list[SetName]:
    """Return the sets that are embedded beside the target's test split, which every cell embeds.

    The target's training split is the bank of captions, its validation split what everything is chosen on; then
    the distractors of all galleries.
    """
    own = [SetName(study.adaptation.dataset, split, "clean") for split in ("train", "val")]
    return list(dict.fromkeys([*own, *distractor_sets(study)]))


def distractor_sets(study: Study) -> list[SetName]:
    """Return the sets whose images join some gallery, each once."""
    galleries = study.room("search").galleries.values()
    names = dict.fromkeys(name for gallery in galleries for name in gallery.distractors)
    return [SetName(name, "train", "clean") for name in names]


def gallery(study: Study, name: str) -> list[SetName]:
    """Return what a gallery consists of: the target's test split, then its distractors."""
    distractors = study.room("search").galleries[name].distractors
    return [*study.target_sets(), *dict.fromkeys(SetName(other, "train", "clean") for other in distractors)]


def query_sets(study: Study) -> list[SetName]:
    """Return the sets whose captions ask: the target's test split as it is, then under each shift."""
    target = study.adaptation.dataset
    return [SetName(target, "test", name) for name in ("clean", *study.room("search").shifts)]


def _split(study: Study, dataset: str) -> Job:
    return Job({"folds": study.room("search").folds})


def _adapt(study: Study, cell: str, seed: str, fold: str) -> Job:
    return OTHERS["adapt_model"].job(study, cell=cell, seed=seed)


def _embed(study: Study, cell: str, seed: str, fold: str) -> Job:
    return embedding(study, cell=cell, seed=seed)


def _tokens(study: Study, cell: str, seed: str, fold: str | None = None) -> Job:
    job = embedding(study, cell=cell, seed=seed)
    return replace(job, parameters=job.parameters | {"tokens": plain(study.room("search").tokens)})


def _index(study: Study, cell: str, seed: str, gallery: str, index: str, run: str) -> Job:
    room = study.room("search")
    params = room.indexes[index]
    values = {"index": plain(params), "target_recall": room.target_recall}
    return Job(values, seed=int(run), modules=(kind_module("search", params),))


def _reranker(study: Study, cell: str, seed: str, stage: str, run: str) -> Job:
    room = study.room("search")
    teacher = teacher_of(study, stage)
    stages = {name: plain(room.stages[name]) for name in (stage, teacher) if name}
    index = room.indexes[room.index]
    modules = [
        kind_module("search", index),
        *(kind_module("reranking", room.stages[name]) for name in stages),
    ]
    values = {"index": plain(index), "stages": stages}
    return Job(values, seed=int(run), modules=tuple(dict.fromkeys(modules)))


def answer_parameters(study: Study) -> dict[str, Any]:
    """Return what says by what queries are answered, and how the files of the answering job are to be read."""
    room = study.room("search")
    target = study.adaptation.dataset
    sets = [*study.target_sets(), *distractor_sets(study)]
    return {
        "target": target,
        "sets": [name.dataset for name in sets],
        # In lists, whose order a spec keeps: it is that of the files.
        "galleries": [[name, [sets.index(one) for one in gallery(study, name)]] for name in room.galleries],
        "indexes": [[name, plain(params)] for name, params in room.indexes.items()],
        "stages": {name: plain(room.stages[name]) for name in room.used_stages()},
        "trained": trained_stages(study),
        "with_tokens": token_stages(study),
        "ways": room.ways(),
        "candidates_of": room.index,
        "exhaustive": room.exhaustive,
        "expansion": plain(room.expansion) if room.expansion else None,
    }


def _modules(study: Study) -> tuple[str, ...]:
    room = study.room("search")
    found = [kind_module("search", params) for params in room.indexes.values()]
    found += [kind_module("reranking", room.stages[name]) for name in room.used_stages()]
    if (
        room.index is None and room.used_stages()
    ):  # candidates on validation lists are those of exhaustive search
        found.append(registry.module_name("search", "flat"))
    return tuple(dict.fromkeys(found))


def _answers(study: Study, cell: str, seed: str, run: str) -> Job:
    values = answer_parameters(study) | {"asked": [name.variant for name in query_sets(study)]}
    return Job(values, seed=int(run), modules=_modules(study))


def _times(study: Study, cell: str, seed: str, process: str) -> Job:
    room = study.room("search")
    values = answer_parameters(study) | {"gallery": room.timed(), "again": again(study), "asked": [CLEAN]}
    # How many processes there are is none of a process's business: one more makes no other one stale.
    values["latency"] = room.latency.model_dump(mode="json", exclude={"processes"})
    modules = (*_modules(study), method_module(study, cell))
    return Job(values, seed=int(process), modules=modules, models=(study.model_of(cell),))


def again(study: Study) -> list[str]:
    """Return the ways that are timed twice: what the claims are about, exhaustive search, or else the first."""
    room = study.room("search")
    named = [Way(room.index or "", room.stage or "").plain, room.exhaustive]
    return [way for way in room.ways() if way in named] or room.ways()[:1]


SEARCH = "crossmodal.experiments.search"
RULES = {
    "split_folds": Rule(f"{SEARCH}.split_folds", _split, "datasets"),
    "adapt_fold": Rule(OTHERS["adapt_model"].entry, _adapt, ALONE),
    "embed_fold": Rule(EMBED, _embed, "embeddings"),
    "embed_galleries": Rule(EMBED, embedding, "search"),
    "embed_tokens": Rule(f"{SEARCH}.embed_tokens", _tokens, "search"),
    "embed_fold_tokens": Rule(f"{SEARCH}.embed_tokens", _tokens, "search"),
    "build_index": Rule(f"{SEARCH}.build_index", _index, "search"),
    "train_reranker": Rule(f"{SEARCH}.train_reranker", _reranker, "search"),
    "answer_queries": Rule(f"{SEARCH}.answer_queries", _answers, "search"),
    "time_searches": Rule(f"{SEARCH}.time_searches", _times, TIMED),
}
