"""The jobs on image encoders beside their numbers and their section: processes that time them, and precisions."""

from collections.abc import Iterator
from typing import Any

from crossmodal.jobs.rules import TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import method_module
from crossmodal.study.study import Study

PARAMETERS = ("encoders",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    if study.room("encoders").cells:
        yield "score_precision", {}
        for process in range(study.room("encoders").processes):
            yield "measure_towers", {"process": str(process)}


def encoder_runs(study: Study) -> list[tuple[str, int]]:
    """Return the (cell, seed) that are compared: each cell with its first seed."""
    return [(cell, study.seeds_of(cell)[0]) for cell in study.room("encoders").cells]


def beside_runs(study: Study) -> list[tuple[str, int]]:
    """Return the (cell, seed) whose quality stands beside: each cell with its first seed."""
    return [(cell, study.seeds_of(cell)[0]) for cell in study.room("encoders").beside]


def _measuring(study: Study, process: str) -> Job:
    room = study.room("encoders")
    methods = dict.fromkeys(method_module(study, cell) for cell in room.cells)
    models = dict.fromkeys(study.model_of(cell) for cell in room.cells)
    # How many processes there are is none of a process's business: one more makes no other one stale.
    values = room.model_dump(mode="json", exclude={"processes", "cell", "reference", "beside", "probe"})
    values["pretrained"] = [_is_pretrained(study.models[study.model_of(cell)]) for cell in room.cells]
    return Job(values, seed=int(process), modules=tuple(methods), models=tuple(models))


def _is_pretrained(model: Any) -> bool:
    """Return whether the image tower of a model, of any kind, begins with weights that others trained."""
    image = getattr(model, "image", None)
    return bool(getattr(model, "pretrained", None)) or getattr(image, "weights", "random") != "random"


def _precision(study: Study) -> Job:
    return Job({"cells": study.room("encoders").cells})


RULES = {
    "measure_towers": Rule("crossmodal.experiments.encoders.measure_towers", _measuring, TIMED),
    "score_precision": Rule("crossmodal.experiments.encoders.score_precision", _precision, "summary"),
}
