"""The jobs of H2 beside its numbers and its section: sets are shifted and evaluated, cells attacked."""

from collections.abc import Iterator
from typing import Any

from crossmodal.experiments.robustness.params import twins
from crossmodal.experiments.robustness.threats import variants
from crossmodal.jobs.rules import Job, Rule, Wildcards
from crossmodal.study.rules import EMBED, EVALUATE, embedding, kind_module, method_module, plain, retrieval
from crossmodal.study.study import SetName, Study

PARAMETERS = ("embeddings", "robustness", "shifts")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""
PLOTS = {
    "degradation": {
        "template": "bar_horizontal",
        "x": "degradation",
        "y": "shift_cell",
        "title": "Relative loss of recall@1 by shift and cell, mean of both directions",
        "x_label": "loss of recall@1, fraction",
        "y_label": "shift · cell",
    },
}
"""What DVC shows, by the name of its table (columns: figures.py)."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    for dataset, split, shift in shifted_sets(study):
        yield "shift_dataset", {"dataset": dataset, "split": split, "shift": shift}
    for cell, seed in shifted_runs(study):
        for rule in ("embed_shifted", "evaluate_shifted"):
            yield rule, {"cell": cell, "seed": str(seed)}
    for cell, seed in attacked_runs(study):
        yield "evaluate_attacks", {"cell": cell, "seed": str(seed)}
    for cell, seed in validated_runs(study):
        yield "validate_attacks", {"cell": cell, "seed": str(seed)}


def shifted_sets(study: Study) -> list[SetName]:
    """Return the target's test split under each shift."""
    target = study.adaptation.dataset
    return [SetName(target, "test", shift) for shift in study.room("robustness").shifts]


def shifted_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) that are evaluated on the shifted sets: of cells adapted to the study's target."""
    chosen = study.room("robustness").cells
    for cell, seed in study.runs() if shifted_sets(study) else ():
        if study.target_of(cell) == study.adaptation.dataset and (chosen is None or cell in chosen):
            yield cell, seed


def attacked_sets(study: Study) -> list[SetName]:
    """Return the attacked variants of the target's test split."""
    target = study.adaptation.dataset
    return [SetName(target, "test", name) for name in variants(study.room("robustness").attacks)]


def attacked_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) that are evaluated under attack."""
    attacks = study.room("robustness").attacks
    for cell in attacks.attacked() if attacks.threats else ():
        seeds = study.seeds_of(cell)
        yield from ((cell, seed) for seed in (seeds if attacks.every_seed else seeds[:1]))


def validated_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) that are attacked on validation data: cells with an adversary and their twins."""
    room = study.room("robustness")
    if room.validation is None:
        return
    cells = dict.fromkeys(cell for pair in twins(room, study).items() for cell in pair if cell is not None)
    for cell in cells:
        seeds = study.seeds_of(cell)
        yield from ((cell, seed) for seed in (seeds if room.attacks.every_seed else seeds[:1]))


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers and its section depend on beside its parameters: what shifts are, cells' twins."""
    room = study.room("robustness")
    shifts = {name: _shift_facts(study.shifts[name], name in room.controls) for name in room.shifts}
    return {"shifts": shifts, "twins": twins(room, study)}


def _shift_facts(shift: Any, control: bool) -> dict[str, Any]:
    strength = {name: getattr(shift, name, None) for name in ("severity", "size")}
    return {
        "kind": getattr(shift, "name", shift.kind),
        **strength,
        "modality": shift.space,
        "control": control,
    }


def _attacks(study: Study, cell: str, seed: str) -> Job:
    attacks = study.room("robustness").attacks.of(cell)
    kinds = {kind_module("attacks", threat.attack) for threat in attacks.threats.values()}
    modules = (method_module(study, cell), *sorted(kinds))
    return Job({"threats": plain(attacks)}, seed=int(seed), modules=modules, models=(study.model_of(cell),))


def _validation(study: Study, cell: str, seed: str) -> Job:
    params = study.room("robustness").validation
    modules = (method_module(study, cell), *params.modules())
    return Job({"validation": plain(params)}, seed=int(seed), modules=modules, models=(study.model_of(cell),))


RULES = {
    "embed_shifted": Rule(EMBED, embedding, "embeddings"),
    "evaluate_shifted": Rule(EVALUATE, retrieval, "embeddings"),
    "validate_attacks": Rule("crossmodal.experiments.robustness.validate_attacks", _validation, "attacks"),
    "evaluate_attacks": Rule("crossmodal.experiments.robustness.evaluate_attacks", _attacks, "attacks"),
}
