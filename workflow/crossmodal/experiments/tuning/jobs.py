"""The jobs of tuning beside its numbers and its section: a training run a family, rate and seed."""

from collections.abc import Iterator

from crossmodal.jobs.rules import ALONE, Job, Rule, Wildcards
from crossmodal.study.rules import method_module, plain
from crossmodal.study.study import Study

PARAMETERS = ("tuning",)
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""
PLOTS = {
    "learning-rates": {
        "template": "scatter",
        "x": "log10_learning_rate",
        "y": "validation_mrr",
        "title": "Validation MRR over learning rate, a point for each family and rate",
        "x_label": "learning rate, decades",
        "y_label": "validation MRR, fraction",
    },
}
"""What DVC shows, by the name of its table (columns: figures.py)."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    for family, rate, seed in tuning_runs(study):
        yield "tune_model", {"family": family, "rate": rate, "seed": seed}


def tuning_runs(study: Study) -> Iterator[tuple[str, str, str]]:
    """Yield (family, name of the learning rate, seed) of each training run."""
    params = study.room("tuning")
    for family in params.families:
        for rate in params.learning_rates.grid():
            for seed in params.seeds:
                yield family, rate, str(seed)


def _training(study: Study, family: str, rate: str, seed: str) -> Job:
    """Return the job that adapts a family's cell, with another learning rate."""
    params = study.room("tuning")
    name = params.families[family].representative
    cell = study.adaptation.cells[name]
    changes = {"learning_rate": params.learning_rates.grid()[rate]}
    if params.epochs is not None:
        changes["epochs"] = params.epochs
    return Job(
        {
            "method": plain(cell.method),
            "training": plain(cell.training.model_copy(update=changes)),
            "dataset": study.target_of(name),
        },
        seed=int(seed),
        threads=cell.training.threads,
        modules=(method_module(study, name),),
        models=(study.model_of(name),),
    )


RULES = {"tune_model": Rule("crossmodal.experiments.tuning.tune_model", _training, ALONE)}
