"""The jobs of the room beside its numbers and its section: one a cell."""

from collections.abc import Iterator

from crossmodal.jobs.rules import ALONE, Job, Rule, Wildcards
from crossmodal.study.study import Study

PARAMETERS = ("dummy",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    for cell in study.room("dummy").cells:
        yield "count_queries", {"cell": cell, "seed": str(study.seeds_of(cell)[0])}


def _count(study: Study, cell: str, seed: str) -> Job:
    return Job({}, seed=int(seed))


RULES = {"count_queries": Rule("crossmodal.experiments.dummy.count_queries", _count, ALONE)}
