"""The jobs of the probes beside their numbers and their section: one a probe and dataset.

Of the target here; other experiments ask for it where a probe stands beside their own numbers.
"""

from collections.abc import Iterator
from typing import Any

from crossmodal import registry
from crossmodal.experiments.probes.params import CRAWL, KNOWS, crawl
from crossmodal.jobs.rules import Job, Rule, Wildcards
from crossmodal.study.rules import subsets
from crossmodal.study.study import SetName, Study

PARAMETERS = ("probes",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    for probe in study.room("probes").probes:
        yield "evaluate_probe", {"probe": probe, "dataset": study.adaptation.dataset}


def known_sets(study: Study, probe: str) -> list[SetName]:
    """Return the sets that a probe looks things up in: training splits of the crawl or of the target."""
    datasets = crawl(study)[1] if KNOWS[probe] == CRAWL else [study.adaptation.dataset]
    return [SetName(name, "train", "clean") for name in datasets]


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers depend on beside its own parameters: groups of images with numbers of their own."""
    return subsets(study)


def _probe(study: Study, probe: str, dataset: str) -> Job:
    return Job({}, modules=(registry.room_module("probes", probe),))


RULES = {"evaluate_probe": Rule("crossmodal.experiments.probes.evaluate_probe", _probe, "summary")}
