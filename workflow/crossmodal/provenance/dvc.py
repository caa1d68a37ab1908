"""dvc.yaml from the Snakemake DAG: DVC as the witness of every artifact, Snakemake as the driver.

One stage for each study stage and no matrix over cells: which cell is stale is Snakemake's to find out, from the
spec of each job, and a stage for each cell would start it once for every cell, one after the other.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from crossmodal.provenance.dag import Job, list_jobs

RULES = Path("workflow/rules")
STUDY_KEYS = (
    "study", "seeds", "seed_groups", "datasets", "shifts", "pretraining", "adaptation", "embeddings",
    "evaluation", "search", "reranking", "hypotheses", "report",
)  # fmt: skip
"""The top-level keys of params.yaml that a result depends on; `compute`, where a job runs, is none of them."""

PARAMETERS: dict[str, list[str]] = {
    "data": ["datasets"],
    "shifts": ["evaluation.shifts", "shifts"],
    "pretraining": ["pretraining"],
    "adaptation": ["adaptation", "seeds", "seed_groups"],
    "embeddings": ["embeddings"],
    "search": ["search.cells", "search.distractors", "search.indexes"],
    "reranking": ["reranking", "search.indexes"],
    "evaluation": [
        "adaptation", "evaluation", "hypotheses", "pretraining.model", "reranking", "search.indexes",
        "search.latency", "shifts", "study",
    ],
    "report": ["adaptation.dataset", "report", "study"],
    "provenance": list(STUDY_KEYS),
}  # fmt: skip
"""The keys of params.yaml in the specs of a stage's own jobs, and those that say which jobs it has.

What a stage takes from another stage's files (a rank, through the adapter) shows in its dependencies.
"""

FIGURES = "tabulate_figures"
"""The rule that writes what DVC's metrics and plots show."""

PLOTS: dict[str, dict[str, Any]] = {
    "accuracy-parameters": {
        "template": "named_points",
        "x": "parameters_trainable",
        "y": ["text_to_image", "image_to_text"],
        "title": "Recall@1 over trainable parameters, a point for each cell and direction",
        "x_label": "trainable parameters",
        "y_label": "recall@1, fraction",
    },
    "degradation": {
        "template": "bar_horizontal",
        "x": "degradation",
        "y": "shift_cell",
        "title": "Relative loss of recall@1 by shift and cell, mean of both directions",
        "x_label": "loss of recall@1, fraction",
        "y_label": "shift · cell",
    },
    "recall-latency": {
        "template": "named_points",
        "x": "latency_p50_ms",
        "y": "recall@10",
        "title": "Recall@10 over latency of a query, a point for each way to search",
        "x_label": "p50 latency, ms",
        "y_label": "recall@10, fraction",
    },
}
"""DVC's top-level plots, by the name of their table; columns are those of report/dvc_figures.py.

`named_points` is our template, .dvc/plots/named_points.json: points with the name of their cell or pipeline.
"""


def rule_stages() -> dict[str, str]:
    """Return the stage of each rule: the noun that its rule file is called by, in the order of the DAG."""
    order = re.findall(r'include: "workflow/rules/(\w+)\.smk"', Path("Snakefile").read_text())
    return {
        rule: stage
        for stage in order
        for rule in re.findall(
            r"^(?:use rule \w+ as|rule) (\w+)(?::| with:)",
            (RULES / f"{stage}.smk").read_text(),
            flags=re.MULTILINE,
        )
    }


def dvc_yaml(overlays: Sequence[Path] = ()) -> str:
    """Return dvc.yaml of the study that params.yaml and `overlays` describe.

    One stage per study stage, with exact dependencies, parameters and outputs, and what `dvc metrics` and
    `dvc plots` show. `persist` keeps DVC from deleting outputs before it delegates to Snakemake.
    """
    stages = rule_stages()
    jobs: dict[str, list[Job]] = defaultdict(list)
    for job in list_jobs(overlays):
        jobs[stages[job.rule]].append(job)
    content = {
        stage: _stage(stage, jobs[stage], overlays) for stage in dict.fromkeys(stages.values()) if jobs[stage]
    }
    figures = [
        path for listed in jobs.values() for job in listed if job.rule == FIGURES for path in job.outputs
    ]
    shown = {
        "stages": content,
        "metrics": [path for path in figures if path.endswith(".json")],
        "plots": [plot for path in figures for plot in _plot(Path(path))],
    }
    header = "# Generated from the Snakemake DAG by `make generate`; do not edit.\n"
    return header + yaml.safe_dump(shown, sort_keys=False, width=110, allow_unicode=True)


def _stage(stage: str, jobs: Iterable[Job], overlays: Sequence[Path]) -> dict[str, Any]:
    rules = sorted({job.rule for job in jobs})
    outputs = {path for job in jobs for path in (*job.outputs, job.manifest)}
    inputs = {path for job in jobs for path in job.inputs}
    command = ["python", "-m", "crossmodal.commands.stage", *rules]
    for path in overlays:
        command += ["--configfile", str(path)]
    return {
        "desc": f"workflow/rules/{stage}.smk",
        "cmd": shlex.join(command),
        "params": PARAMETERS[stage],
        "deps": sorted(inputs - outputs),
        "outs": [{path: {"persist": True}} for path in sorted(outputs)],
    }


def _plot(path: Path) -> list[dict[str, Any]]:
    """Return the plot of the table at `path`; none if it is no table of PLOTS."""
    if path.suffix != ".csv" or path.stem not in PLOTS:
        return []
    plot = PLOTS[path.stem]
    return [{path.stem: plot | {"x": {str(path): plot["x"]}, "y": {str(path): plot["y"]}}}]
