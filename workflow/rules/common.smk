import re
import sys
from pathlib import Path

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.provenance.folders import check_writable, settle_times
from crossmodal.provenance.ledger import study_folders
from crossmodal.provenance.recorded import record_overlay
from crossmodal.study import grid, students
from crossmodal.study.arguments import argument_lines, write_arguments
from crossmodal.study.configuration import (
    keep_freed_memory,
    read_yaml,
    use_this_interpreter,
)
from crossmodal.study.specs import spec
from crossmodal.study.study import check_files, load_study

use_this_interpreter()
keep_freed_memory()

try:
    for overlay in workflow.configfiles:
        # Snakemake has read it, and takes the last of two equal keys without a word.
        read_yaml(Path(overlay))
    STUDY = load_study(read_yaml(Path("params.yaml")), config)
    check_files(STUDY)
except UserError as error:
    # SystemExit and not WorkflowError: the user gets the one line and nothing around it.
    sys.exit(f"error: {error}")

TARGET = STUDY.adaptation.dataset
# Not declared as an output of any rule, so that it outlives a failed job.
CHECKPOINTS = f"results/{STUDY.study}/checkpoints"
ENVIRONMENT = f"../../envs/{'gpu' if STUDY.compute.gpus_per_job else 'cpu'}.yaml"


def prepare_folders():
    """Check that the study's folders can be written, and mend times that the clock has not reached."""
    folders = study_folders(STUDY.study)
    try:
        check_writable(folders)
        record_overlay(STUDY.study, config)
        if settled := settle_times(folders):
            print(
                f"{settled} files were from the future: the clock was moved back?",
                file=sys.stderr,
            )
    except UserError as error:
        sys.exit(f"error: {error}")


def look_when_a_job_ends():
    """Take the limit on jobs a second from the scheduler, unless the user has set one.

    For its sake Snakemake 9 looks at all waiting jobs again a second after each look. Each job that ends adds one
    such chain, which has no end: after two hundred jobs they take half a core from those that run.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def arguments_of(rule, **further):
    """Return the params function of `rule`: the file with its job's arguments, all inputs and outputs by name.

    `further` are arguments that are neither, such as a folder for checkpoints; wildcards in them are filled in.
    """

    # Snakemake compares no parameter whose function takes `input` or `output` by name: nothing would be stale.
    def write(wildcards, **files):
        named = {**dict(files["input"].items()), **dict(files["output"].items())}
        named |= {key: text.format(**wildcards) for key, text in further.items()}
        lines = argument_lines(named, spec(STUDY, rule, **wildcards))
        return write_arguments(Path("results", STUDY.study, "jobs"), rule, lines)

    return write


def scaled(amount, times=lambda wildcards: 1):
    """Return the resource function of `amount` (MB or minutes): a retried job, perhaps ended for it, gets more.

    `times` is a function of the wildcards: how often the amount is needed, as by each of several processes.
    """
    return lambda wildcards, attempt: amount * attempt * times(wildcards)


def every_output():
    """Return every file of the study: one that is missing in the middle is a reason to run as well."""
    return [
        file
        for rule, wildcards in grid.jobs(STUDY)
        for file in expand(list(map(str, getattr(rules, rule).output)), **wildcards)
    ]


def processes_of(training):
    """Return how many processes train: one where nothing is trained."""
    return training.processes if training else 1


def threads_of(training):
    """Return the threads of all processes that train."""
    return training.threads * training.processes if training else 1


def launcher_of(training):
    """Return what stands before a job's module: torchrun where several processes train."""
    processes = processes_of(training)
    return f"crossmodal.jobs.torchrun {processes} " if processes > 1 else ""


def gpus_of(training):
    return STUDY.compute.gpus_per_job * processes_of(training)


def of_cell(value):
    """Return the function of the wildcards that gives `value` of a cell's training."""
    return lambda wildcards: value(STUDY.adaptation.cells[wildcards.cell].training)


def of_model(value):
    """Return the function of the wildcards that gives `value` of a base model's training."""
    return lambda wildcards: value(STUDY.models[wildcards.model].training)


def model_file(name):
    """Return the input function of a file of the base model that a cell adapts."""
    return lambda wildcards: f"<results>/models/{STUDY.model_of(wildcards.cell)}/{name}"


def cut_tower(model):
    """Return the configuration of a student's text tower where that is a part of its teacher's."""
    cut = students.cuts_text_tower(STUDY.models[model])
    return [f"<results>/models/{model}/text/config.json"] if cut else []


def tower_files(model):
    """Return the files of a base model's text tower that loading the model takes, if it has any."""
    return [
        *cut_tower(model),
        *STUDY.models[model].tower_files("<data>/towers"),
    ]


def any_of(names):
    """Return the pattern of a wildcard that is one of `names`."""
    return "|".join(map(re.escape, names)) or "(?!)"


def students_of_the_study(cut=False):
    """Return the models that are made from another model; of these those with `cut` text towers, if asked for."""
    found = filter(lambda name: students.teacher_of(STUDY.models[name]), STUDY.models)
    return [name for name in found if cut_tower(name) or not cut]


def teacher_file(name):
    """Return the input function of a file of the model that a student is made from."""
    return (
        lambda wildcards: f"<results>/models/{STUDY.models[wildcards.model].teacher}/{name}"
    )


def teacher_adapter(wildcards):
    """Return the adapter of the cell that teaches a student, if it is a cell."""
    run = students.teaching_run(STUDY, wildcards.model)
    names = ("adapter_config.json", "adapter_model.safetensors")
    return [adapter(*run, name) for name in names] if run else []


def tower_of(wildcards):
    """Return the files of the text tower of the base model that a cell adapts."""
    return tower_files(STUDY.model_of(wildcards.cell))


def dataset_sources(wildcards):
    """Return the files a dataset is built from: its packages, then the user's own files."""
    params = STUDY.datasets[wildcards.dataset]
    packages = [f"<data>/sources/{package.file_name}" for package in params.packages()]
    return [*packages, *params.files().values()]


def image_files(sets):
    """Return the Parquet files of sets: splits of datasets as they are, or under a shift."""
    return [
        (
            f"<data>/datasets/{dataset}/{split}.parquet"
            if variant == "clean"
            else f"<data>/shifts/{variant}/{dataset}/{split}.parquet"
        )
        for dataset, split, variant in sets
    ]


def embedding_files(sets, side, cell="{cell}", seed="{seed}"):
    """Return the embeddings, of `images` or of `captions`, of sets."""
    folder = f"<results>/embeddings/{cell}/s{seed}"
    return [f"{folder}/{'/'.join(name)}/{side}.parquet" for name in sets]


def query_files(sets, cell="{cell}", seed="{seed}", kind="retrieval"):
    """Return the per-query results of sets."""
    folder = f"<results>/evaluation/{kind}/{cell}/s{seed}"
    return [f"{folder}/{'/'.join(name)}/queries.parquet" for name in sets]


def clean_queries():
    """Return the per-query results of every cell and seed on the target and, of those that visit them, on other domains."""

    def sets(cell):
        domains = STUDY.domain_sets() if STUDY.visits_domains(cell) else []
        return STUDY.target_sets() + domains

    return [
        file
        for cell, seed in STUDY.runs()
        for file in query_files(sets(cell), cell, seed)
    ]


def group_files():
    """Return the files that say which group each image of the target's test split is of, where numbers ask for it."""
    return image_files(STUDY.target_sets()) if STUDY.evaluation.subsets else []


def cell_split(split):
    """Return the input function of a split of the dataset that a cell is adapted to."""
    return (
        lambda wildcards: f"<data>/datasets/{STUDY.target_of(wildcards.cell)}/{split}.parquet"
    )


def adapter(cell, seed, name):
    return f"<results>/adaptation/{cell}/s{seed}/{name}"


def cards():
    """Return the card of every cell and seed: what its training took."""
    return [adapter(cell, seed, "card.json") for cell, seed in STUDY.runs()]
