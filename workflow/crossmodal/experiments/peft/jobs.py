"""The jobs of H1 beside its numbers and its section: processes that measure the encoders of several cells."""

from collections.abc import Iterator
from typing import Any

from crossmodal.jobs.rules import TIMED, Job, Rule, Wildcards
from crossmodal.study.rules import method_module, subsets
from crossmodal.study.study import Study

PARAMETERS = ("peft",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    encoders = study.room("peft").encoders
    for process in range(encoders.processes) if encoders.cells else ():
        yield "measure_encoders", {"process": str(process)}


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers depend on beside its own parameters: groups of images with numbers of their own."""
    return subsets(study)


def _encoders(study: Study, process: str) -> Job:
    room = study.room("peft")
    params = room.encoders
    methods = dict.fromkeys(method_module(study, cell) for cell in params.cells)
    models = dict.fromkeys(study.model_of(cell) for cell in params.cells)
    # How many processes there are is none of a process's business: one more makes no other one stale.
    values = params.model_dump(mode="json", exclude={"processes"}) | {"reference": room.reference}
    return Job(values, seed=int(process), modules=tuple(methods), models=tuple(models))


RULES = {"measure_encoders": Rule("crossmodal.experiments.peft.measure_encoders", _encoders, TIMED)}
