"""The rules that belong to no experiment: for each its entry point and what its jobs depend on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossmodal import registry
from crossmodal.data.packages import to_parameters
from crossmodal.jobs.rules import ALONE, Job, Rule
from crossmodal.parameters import Parameters
from crossmodal.study.students import teaching_run
from crossmodal.study.study import Study

REPORT = Path(__file__).parents[1] / "report" / "assets"
"""Templates, style and script of the page: read as if they were code."""
MACROS = REPORT / "macros.html"
"""What a section's own template uses."""


def plain(params: Parameters) -> dict[str, Any]:
    """Return parameters as a spec holds them."""
    return params.model_dump(mode="json")


def kind_module(package: str, params: Any) -> str:
    """Return the module of the kind that `params` are of."""
    return registry.module_name(package, params.kind)


def kinds_in(params: Any) -> tuple[str, ...]:
    """Return the modules of the parameters of every kind in `params`: who reads them depends on that code."""
    if isinstance(params, Parameters):
        parts = [getattr(params, name) for name in type(params).model_fields]
    elif isinstance(params, dict):
        parts = list(params.values())
    else:
        parts = list(params) if isinstance(params, list | tuple) else []
    own = {type(params).__module__} if isinstance(params, Parameters) and hasattr(params, "kind") else set()
    return tuple(sorted(own.union(*map(kinds_in, parts))))


def method_module(study: Study, cell: str) -> str:
    """Return the module of a cell's method."""
    return kind_module("adaptation", study.adaptation.cells[cell].method)


def cell_facts(study: Study) -> dict[str, dict[str, Any]]:
    """Return what each cell is, as far as numbers and pages depend on it."""
    return {
        name: {
            "dataset": study.target_of(name),
            "model": study.model_of(name),
            "method": cell.method.kind,
            "adversarial": cell.adversary is not None,
        }
        for name, cell in study.adaptation.cells.items()
    }


def number_parameters(study: Study) -> dict[str, Any]:
    """Return what every job that makes numbers depends on."""
    return {
        "statistics": plain(study.statistics),
        "target": study.adaptation.dataset,
        "cells": cell_facts(study),
    }


def subsets(study: Study) -> dict[str, Any]:
    """Return the groups of images that some numbers are made of once more."""
    return {"subsets": {name: plain(subset) for name, subset in study.evaluation.subsets.items()}}


def _record(study: Study) -> Job:
    """Record the whole study, each cell with its model: a spec sorts mappings, so that none is the first."""
    recorded = study.model_dump(mode="json", exclude={"compute"})
    for name, cell in recorded["adaptation"]["cells"].items():
        cell["model"] = study.model_of(name)
    return Job({"study": recorded})


def _package(study: Study, package: str) -> Job:
    pin = study.packages()[package]
    return Job(to_parameters(pin), modules=(f"crossmodal.data.{pin.client}",))


def _hub_file(study: Study, hub_file: str) -> Job:
    return Job(study.hub_files()[hub_file]._asdict())


def _text_tower(study: Study, tower: str) -> Job:
    return Job({"tower": tower})


def _dataset(study: Study, dataset: str) -> Job:
    params = study.datasets[dataset]
    return Job({"dataset": plain(params)}, modules=(kind_module("data", params),))


def _shift(study: Study, dataset: str, split: str, shift: str) -> Job:
    params = study.shifts[shift]
    return Job({"shift": plain(params)}, modules=(kind_module("shifts", params),))


def _model(study: Study, model: str) -> Job:
    params = study.models[model]
    training = params.training
    return Job(
        {"model": params.kind_parameters(), "training": plain(training) if training else None},
        seed=params.seed,
        threads=max(params.threads(), training.threads if training else 1),
        modules=tuple(params.modules()),
        models=(model,),
    )


def _text_part(study: Study, model: str) -> Job:
    return Job({"text": plain(study.models[model].text)})


def _student(study: Study, model: str) -> Job:
    params = study.models[model]
    # The teacher is adapted only where it is a cell, and then by code that is loaded by name.
    adapted = ("crossmodal.adaptation.methods", method_module(study, params.cell)) if params.cell else ()
    _, taught_with = teaching_run(study, model) or (None, None)
    return Job(
        {"model": params.kind_parameters(), "cell_seed": taught_with, "training": plain(params.training)},
        seed=params.seed,
        threads=params.training.threads,
        modules=(*params.modules(), *adapted),
        models=(model, params.teacher),
    )


def _adaptation(study: Study, cell: str, seed: str) -> Job:
    params = study.adaptation.cells[cell]
    adversary = params.adversary
    # Training imports the inner problem only where there is an adversary.
    inner = adversary.modules() if adversary else []
    return Job(
        {
            "method": plain(params.method),
            "training": plain(params.training),
            "adversary": plain(adversary) if adversary else None,
        },
        seed=int(seed),
        threads=params.training.threads,
        modules=(method_module(study, cell), *inner),
        models=(study.model_of(cell),),
    )


def _merging(study: Study, cell: str, seed: str) -> Job:
    return Job({}, seed=int(seed), modules=(method_module(study, cell),), models=(study.model_of(cell),))


def embedding(study: Study, cell: str, seed: str) -> Job:
    """Return the job that embeds sets with an adapted model."""
    modules = (method_module(study, cell),)
    return Job(plain(study.embeddings), seed=int(seed), modules=modules, models=(study.model_of(cell),))


def retrieval(study: Study, cell: str, seed: str) -> Job:
    """Return the job that scores the queries of embedded sets."""
    return Job({}, seed=int(seed))


def room_rules(room: str) -> dict[str, Rule]:
    """Return the rules of an experiment: its own, the one of its numbers and the one of its section.

    An experiment whose numbers or section depend on more of the study than its own parameters says so in `facts`.
    """
    module = registry.room(room, "jobs")
    facts: Callable[[Study], dict[str, Any]] = getattr(module, "facts", lambda study: {})
    template = Path(str(module.__file__)).with_name("section.html")

    def numbers(study: Study) -> Job:
        own = study.room(room)
        return Job(number_parameters(study) | {"room": plain(own)} | facts(study), modules=kinds_in(own))

    def section(study: Study) -> Job:
        job = numbers(study)
        return Job(job.parameters, modules=job.modules, resources=(template, MACROS))

    return {
        **module.RULES,
        f"number_{room}": Rule(registry.room_module(room, "numbers"), numbers, "summary"),
        f"draw_{room}": Rule(registry.room_module(room, "section"), section, "summary"),
    }


def _cell_numbers(study: Study) -> Job:
    return Job(number_parameters(study) | subsets(study))


def _join(study: Study) -> Job:
    rooms = study.rooms()
    return Job(
        number_parameters(study) | {"rooms": [[name, plain(study.room(name))] for name in rooms]},
        modules=(
            *(registry.room_module(name, "claims") for name in rooms),
            *kinds_in([study.room(name) for name in rooms]),
        ),
    )


def _report(study: Study) -> Job:
    rooms = {name: registry.room(name, "params") for name in study.rooms()}
    parameters = {
        "study": study.study,
        "target": study.adaptation.dataset,
        "level": study.statistics.level,
        "cells": cell_facts(study),
        "questions": [[name, room.KEY, room.TITLE, room.QUESTION] for name, room in rooms.items()],
        **plain(study.report),
    }
    return Job(parameters, resources=tuple(sorted(path for path in REPORT.iterdir())))


EMBED = "crossmodal.jobs.embed_sets"
EVALUATE = "crossmodal.jobs.evaluate_sets"

RULES: dict[str, Rule] = {
    "record_study": Rule("crossmodal.jobs.record_study", _record, "summary"),
    "fetch_package": Rule("crossmodal.jobs.fetch_package", _package, "sources"),
    "fetch_hub_file": Rule("crossmodal.jobs.fetch_hub_file", _hub_file, "sources"),
    "unpack_text_tower": Rule("crossmodal.jobs.unpack_text_tower", _text_tower, "sources"),
    "build_dataset": Rule("crossmodal.jobs.build_dataset", _dataset, "datasets"),
    "shift_dataset": Rule("crossmodal.jobs.shift_dataset", _shift, "datasets"),
    "build_model": Rule("crossmodal.jobs.build_model", _model, ALONE),
    "cut_text_tower": Rule("crossmodal.jobs.cut_text_tower", _text_part, "sources"),
    "distil_model": Rule("crossmodal.jobs.distil_model", _student, ALONE),
    "adapt_model": Rule("crossmodal.jobs.adapt_model", _adaptation, ALONE),
    "merge_model": Rule("crossmodal.jobs.merge_model", _merging, ALONE),
    "embed_target": Rule(EMBED, embedding, "embeddings"),
    "embed_domains": Rule(EMBED, embedding, "embeddings"),
    "evaluate_target": Rule(EVALUATE, retrieval, "embeddings"),
    "evaluate_domains": Rule(EVALUATE, retrieval, "embeddings"),
    "number_cells": Rule("crossmodal.jobs.number_cells", _cell_numbers, "summary"),
    "join_numbers": Rule("crossmodal.jobs.join_numbers", _join, "summary"),
    "write_report": Rule("crossmodal.jobs.write_report", _report, "summary"),
}
