"""The jobs of H1 beside its numbers and its section: the encoders of several cells are measured."""

from collections.abc import Iterator
from typing import Any

from crossmodal.jobs.rules import TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import method_module, plain, subsets
from crossmodal.study.study import Study

PARAMETERS = ("peft",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    if study.room("peft").encoders.cells:
        yield "measure_encoders", {}


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers depend on beside its own parameters: groups of images with numbers of their own."""
    return subsets(study)


def _encoders(study: Study) -> Job:
    params = study.room("peft").encoders
    methods = dict.fromkeys(method_module(study, cell) for cell in params.cells)
    models = dict.fromkeys(study.model_of(cell) for cell in params.cells)
    return Job(plain(params), modules=tuple(methods), models=tuple(models))


RULES = {"measure_encoders": Rule("crossmodal.experiments.peft.measure_encoders", _encoders, TIMED)}
