"""The jobs of H4 beside its numbers and its section: each cell embeds the domains, and queries are scored."""

from collections.abc import Iterator

from crossmodal.experiments.zero_shot.params import CLEAN, PROMPTED
from crossmodal.jobs.rules import Job, Rule, Wildcards
from crossmodal.study.rules import EVALUATE, method_module, plain, retrieval
from crossmodal.study.students import lineage, teacher_of, teaching_run
from crossmodal.study.study import SetName, Study

UNTRAINED = "zero_shot"
"""The kind of method that trains nothing."""
PARAMETERS = ("embeddings", "zero_shot")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    for cell, seed in tried_runs(study):
        for rule in ("embed_zero_shot", "evaluate_zero_shot"):
            yield rule, {"cell": cell, "seed": str(seed)}
    if probe := study.room("zero_shot").probe:
        for domain in tried_sets(study):
            yield "evaluate_probe", {"probe": probe, "dataset": domain.dataset}


def tried_runs(study: Study) -> Iterator[tuple[str, int]]:
    """Yield the (cell, seed) that are tried on the domains."""
    room = study.room("zero_shot")
    chosen = room.tried()
    for cell, seed in study.runs() if room.domains else ():
        if chosen is None or cell in chosen:
            yield cell, seed


def tried_sets(study: Study, variant: str = CLEAN) -> list[SetName]:
    """Return the domains: with their own captions, or, where they have classes, with what stands for those."""
    domains = study.room("zero_shot").domains
    if variant == PROMPTED:
        domains = [name for name in domains if study.datasets[name].has_classes()]
    return [SetName(name, "test", variant) for name in domains]


def asked_sets(study: Study) -> list[SetName]:
    """Return all sets whose queries are scored."""
    return [*tried_sets(study, CLEAN), *tried_sets(study, PROMPTED)]


def known_sets(study: Study) -> list[SetName]:
    """Return what the models that are tried were trained on: whose words a domain's names may have been among.

    None where that of some model is not in the study, as of weights that others have trained.
    """
    cells = dict.fromkeys(cell for cell, _ in tried_runs(study))
    models = dict.fromkeys(name for cell in cells for name in lineage(study, study.model_of(cell)))
    cells |= dict.fromkeys(run[0] for name in models if (run := teaching_run(study, name)))
    learnt = [study.models[name].datasets for name in models]
    targets = [
        study.target_of(cell) for cell in cells if study.adaptation.cells[cell].method.kind != UNTRAINED
    ]
    names = dict.fromkeys([name for own in learnt for name in own] + targets) if all(learnt) else ()
    return [SetName(name, "train", CLEAN) for name in names]


def trained_models(study: Study) -> list[str]:
    """Return the students that the cells which are tried are of, and those that these were made from."""
    models = dict.fromkeys(study.model_of(cell) for cell, _ in tried_runs(study))
    students = dict.fromkeys(name for model in models for name in lineage(study, model))
    return [name for name in students if teacher_of(study.models[name])]


def teaching_runs(study: Study) -> list[tuple[str, int]]:
    """Return the (cell, seed) that taught each of `trained_models`, of those that a cell taught."""
    return [run for name in trained_models(study) if (run := teaching_run(study, name))]


def _embedding(study: Study, cell: str, seed: str) -> Job:
    classes = [name.dataset for name in tried_sets(study, PROMPTED)]
    parameters = plain(study.embeddings) | {
        "prompts": study.room("zero_shot").prompts,
        "with_classes": [name in classes for name in study.room("zero_shot").domains],
    }
    modules, models = (method_module(study, cell),), (study.model_of(cell),)
    return Job(parameters, seed=int(seed), modules=modules, models=models)


RULES = {
    "embed_zero_shot": Rule("crossmodal.experiments.zero_shot.embed_domains", _embedding, "embeddings"),
    "evaluate_zero_shot": Rule(EVALUATE, retrieval, "embeddings"),
}
