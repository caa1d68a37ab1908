"""Every job of a study: its rule and wildcards, as the rules' input functions ask for them."""

from collections.abc import Iterator

from crossmodal import registry
from crossmodal.jobs.rules import Wildcards
from crossmodal.study import students
from crossmodal.study.study import Study


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job of `study`, once.

    The target of a plain run asks for the outputs of all of them: Snakemake takes a file that is missing in
    the middle for no reason to run, as long as what was once made of it is there.
    """
    known = set()
    for rule, wildcards in _jobs(study):
        key = (rule, *sorted(wildcards.items()))
        if key not in known:
            known.add(key)
            yield rule, wildcards


def _jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    yield "record_study", {}
    datasets = study.used_datasets()
    for package in sorted(study.packages()):
        yield "fetch_package", {"package": package}
    for hub_file in sorted(study.hub_files()):
        yield "fetch_hub_file", {"hub_file": hub_file}
    for tower in study.text_towers():
        yield "unpack_text_tower", {"tower": tower}
    for dataset in datasets:
        yield "build_dataset", {"dataset": dataset}
    for model in study.used_models():
        if students.cuts_text_tower(study.models[model]):
            yield "cut_text_tower", {"model": model}
        yield "distil_model" if students.teacher_of(study.models[model]) else "build_model", {"model": model}
    for cell, seed in study.runs():
        run = {"cell": cell, "seed": str(seed)}
        yield "adapt_model", run
        for kind in ("target", "domains") if study.visits_domains(cell) else ("target",):
            yield f"embed_{kind}", run
            yield f"evaluate_{kind}", run
    yield "number_cells", {}
    for room in study.rooms():
        yield from registry.room(room, "jobs").jobs(study)
        yield f"number_{room}", {}
        yield f"draw_{room}", {}
    for rule in ("join_numbers", "write_report"):
        yield rule, {}
