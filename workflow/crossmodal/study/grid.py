"""Every job of a study: its rule and wildcards, as the rules' input functions ask for them."""

from collections.abc import Iterator

from crossmodal.study.study import Study

Wildcards = dict[str, str]


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job of `study`.

    The target of a plain run asks for the outputs of all of them: Snakemake takes a file that is missing in
    the middle for no reason to run, as long as what was once made of it is there.
    """
    yield "record_study", {}
    datasets = study.used_datasets()
    packages = {p.file_name for name in datasets for p in study.datasets[name].packages()}
    for package in sorted(packages):
        yield "fetch_package", {"package": package}
    for dataset in datasets:
        yield "build_dataset", {"dataset": dataset}
    for dataset, split, shift in study.sets("shifted"):
        yield "shift_dataset", {"dataset": dataset, "split": split, "shift": shift}
    yield "pretrain_base", {}
    for cell, seed in study.runs():
        yield from _of_run(study, {"cell": cell, "seed": str(seed)})
    for cell, seed in study.search_runs():
        yield from _of_search(study, {"cell": cell, "seed": str(seed)})
    for cell, seed in study.attacked_runs():
        yield "evaluate_attacks", {"cell": cell, "seed": str(seed)}
    if study.evaluation.encoders.cells:
        yield "measure_encoders", {}
    for rule in ("summarise_numbers", "tabulate_figures", "write_report"):
        yield rule, {}


def _of_run(study: Study, run: Wildcards) -> Iterator[tuple[str, Wildcards]]:
    yield "adapt_model", run
    for kind in study.evaluated_kinds(run["cell"]):
        yield f"embed_{kind}", run
        yield f"evaluate_{kind}", run


def _of_search(study: Study, run: Wildcards) -> Iterator[tuple[str, Wildcards]]:
    if study.search.distractors or study.reranking.indexes:
        yield "embed_galleries", run
    for index in study.search.indexes:
        reranked = index in study.reranking.indexes
        for split in ("train", "val", "test") if reranked else ("test",):
            yield "build_index", run | {"index": index, "split": split}
        if reranked:
            yield "train_reranker", run | {"index": index}
    for pipeline in study.pipelines():
        yield "measure_search", run | {"pipeline": pipeline}
