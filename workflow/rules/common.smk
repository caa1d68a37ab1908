import sys
from pathlib import Path

from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml, use_this_interpreter
from crossmodal.errors import UserError
from crossmodal.provenance.folders import check_writable, settle_times
from crossmodal.provenance.ledger import study_folders
from crossmodal.study.specs import spec
from crossmodal.study.study import check_files, load_study

use_this_interpreter()

try:
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
        if settled := settle_times(folders):
            print(
                f"{settled} files were from the future: the clock was moved back?",
                file=sys.stderr,
            )
    except UserError as error:
        sys.exit(f"error: {error}")


def spec_of(rule):
    """Return the params function of `rule`: its job's spec from the study and the wildcards."""
    return lambda wildcards: spec(STUDY, rule, **wildcards)


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


def of_cell(value):
    """Return the function of the wildcards that gives `value` of a cell's training."""
    return lambda wildcards: value(STUDY.adaptation.cells[wildcards.cell].training)


def gpus_of(training):
    return STUDY.compute.gpus_per_job * processes_of(training)


def dataset_sources(wildcards):
    """Return the files a dataset is built from: its packages, then the user's own files."""
    params = STUDY.datasets[wildcards.dataset]
    packages = [f"<data>/sources/{package.file_name}" for package in params.packages()]
    return [*packages, *params.files().values()]


def set_images(kind):
    """Return the Parquet files of the sets of a kind: splits of datasets as they are, or under a shift."""
    return [
        (
            f"<data>/datasets/{dataset}/{split}.parquet"
            if variant == "clean"
            else f"<data>/shifts/{variant}/{dataset}/{split}.parquet"
        )
        for dataset, split, variant in STUDY.sets(kind)
    ]


def set_embeddings(kind, side):
    """Return the embeddings, of `images` or of `captions`, of the sets of a kind."""
    return [embeddings("{cell}", "{seed}", name, side) for name in STUDY.sets(kind)]


def set_queries(kind):
    """Return the per-query results of the sets of a kind."""
    return [queries_file("{cell}", "{seed}", name) for name in STUDY.sets(kind)]


def cell_split(split):
    """Return the input function of a split of the dataset that a cell is adapted to."""
    return (
        lambda wildcards: f"<data>/datasets/{STUDY.target_of(wildcards.cell)}/{split}.parquet"
    )


def adapter(cell, seed, name):
    return f"<results>/adaptation/{cell}/s{seed}/{name}"


def embeddings(cell, seed, set_name, side):
    return f"<results>/embeddings/{cell}/s{seed}/{'/'.join(set_name)}/{side}.parquet"


def gallery(wildcards, split=None):
    """Return the image embeddings of a gallery: the target's own first, then the distractors'."""
    sets = STUDY.gallery_sets(split or wildcards.split)
    return [embeddings(wildcards.cell, wildcards.seed, name, "images") for name in sets]


def target_captions(wildcards, split):
    return embeddings(
        wildcards.cell, wildcards.seed, (TARGET, split, "clean"), "captions"
    )


def queries_file(cell, seed, set_name):
    return f"<results>/evaluation/retrieval/{cell}/s{seed}/{'/'.join(set_name)}/queries.parquet"


def attacked_file(cell, seed, set_name):
    return f"<results>/evaluation/attacks/{cell}/s{seed}/{'/'.join(set_name)}/queries.parquet"


def sanity_files():
    """Return the checks for masked gradients of every attacked cell and seed."""
    return [
        f"<results>/evaluation/attacks/{cell}/s{seed}/sanity.json"
        for cell, seed in STUDY.attacked_runs()
    ]


def queries():
    """Return the per-query results of every cell, seed and set that the cell is evaluated on."""
    return [
        queries_file(cell, seed, name)
        for cell, seed in STUDY.runs()
        for name in STUDY.evaluated_sets(cell)
    ]


def searches(name):
    """Return the file `name` of every measured way to search."""
    return [
        f"<results>/evaluation/search/{cell}/s{seed}/{pipeline}/{name}"
        for cell, seed in STUDY.search_runs()
        for pipeline in STUDY.pipelines()
    ]


def index_file(name):
    """Return the input function of a file of the test gallery's index."""
    return lambda wildcards: "<results>/search/{}/s{}/{}/test/{}".format(
        wildcards.cell, wildcards.seed, STUDY.index_of(wildcards.pipeline), name
    )


def reranker_files(wildcards):
    """Return configuration and weights of the re-ranker, or nothing for a pipeline without one."""
    if not STUDY.is_reranked(wildcards.pipeline):
        return []
    index = STUDY.index_of(wildcards.pipeline)
    folder = f"<results>/reranking/{wildcards.cell}/s{wildcards.seed}/{index}"
    return [f"{folder}/reranker_config.json", f"{folder}/reranker.safetensors"]
