"""The jobs of few-shot classification: features of each set, then all methods and shots of a set and a draw."""

from collections.abc import Iterator
from typing import Any

from crossmodal.jobs.rules import TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import kind_module, kinds_in, plain
from crossmodal.study.study import Study

PARAMETERS = ("few_shot", "embeddings")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    room = study.room("few_shot")
    for model in backbones(study):
        for dataset in room.tested():
            yield "embed_classes", {"model": model, "dataset": dataset}
        for dataset in room.sets:
            for draw in room.draws:
                yield "fit_classifiers", {"model": model, "dataset": dataset, "draw": str(draw)}
    for process in range(room.timing.processes) if room.timing else ():
        yield "time_classifiers", {"process": str(process)}


def backbones(study: Study) -> list[str]:
    """Return the base models whose features are classified."""
    room = study.room("few_shot")
    return [room.model or study.first_model(), *room.others] if room.sets else []


def sources(study: Study, dataset: str) -> list[str]:
    """Return the other sets that what is learnt from a set is tried on."""
    elsewhere = study.room("few_shot").elsewhere
    return elsewhere.sets if elsewhere and elsewhere.source == dataset else []


def fits(study: Study) -> list[tuple[str, str, int]]:
    """Return the (model, dataset, draw) of each fit."""
    room = study.room("few_shot")
    return [(m, name, draw) for m in backbones(study) for name in room.sets for draw in room.draws]


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers depend on beside its own parameters: whose methods have their plain names."""
    return {"model": next(iter(backbones(study)), "")}


def _embedding(study: Study, model: str, dataset: str) -> Job:
    room = study.room("few_shot")
    learnt = dataset in room.sets  # of others the test images are classified alone
    values = {
        "batch_size": study.embeddings.batch_size,
        "prompts": room.prompts,
        "views": room.views if learnt else 1,
        "shots": max(room.shots) if learnt else 0,
        "validation_shots": room.validation_shots if learnt else 0,
        "draws": room.draws if learnt else [],
        "cluster": study.datasets[dataset].cluster(),
    }
    return Job(values, models=(model,))


def _fit(study: Study, model: str, dataset: str, draw: str) -> Job:
    room = study.room("few_shot")
    values = {
        "validation_shots": room.validation_shots,
        "shots": room.shots,
        "draw": int(draw),
        "methods": {name: plain(method) for name, method in room.fitted(model).items()},
        "reference": room.reference if room.reference in room.fitted(model) else None,
        "elsewhere": sources(study, dataset),
        "short_classes": room.short_classes,
    }
    return Job(values, seed=int(draw), modules=_modules(room.fitted(model)), models=(model,))


def _timing(study: Study, process: str) -> Job:
    room = study.room("few_shot")
    values = {
        "validation_shots": room.validation_shots,
        "shots": max(room.shots),
        "draw": room.draws[0],
        "methods": {name: plain(method) for name, method in room.methods.items()},
        "repeats": room.timing.repeats,
    }
    return Job(values, seed=int(process), modules=_modules(room.methods), models=(backbones(study)[0],))


def _modules(methods: dict[str, Any]) -> tuple[str, ...]:
    kinds = dict.fromkeys(kind_module("classifiers", method) for method in methods.values())
    return (*kinds, *kinds_in(methods))


RULES = {
    "embed_classes": Rule("crossmodal.experiments.few_shot.embed_classes", _embedding, "embeddings"),
    "fit_classifiers": Rule("crossmodal.experiments.few_shot.fit_classifiers", _fit, "embeddings"),
    "time_classifiers": Rule("crossmodal.experiments.few_shot.time_classifiers", _timing, TIMED),
}
