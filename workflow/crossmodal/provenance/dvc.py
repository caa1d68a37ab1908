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

from crossmodal import registry
from crossmodal.provenance.dag import Job, list_jobs

RULES = Path("workflow/rules")
FIGURES = "figures"
"""The folder of what DVC's metrics and plots show."""

SHARED = (
    "adaptation", "datasets", "embeddings", "evaluation", "models", "report", "seed_groups", "seeds", "shifts",
    "statistics", "study",
)  # fmt: skip
"""The top-level keys of params.yaml that a result depends on beside the experiments; `compute`, where a job runs,
is none of them."""

CELLS = ("adaptation", "evaluation", "models", "seed_groups", "seeds", "statistics")
"""The keys that the jobs of every experiment depend on: its cells and how intervals are made."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "data": ("datasets",),
    "shifts": ("shifts",),
    "pretraining": ("models",),
    "adaptation": ("adaptation", "seeds", "seed_groups"),
    "embeddings": ("embeddings",),
    "evaluation": CELLS,
    "report": (*CELLS, "report", "study"),
    "provenance": SHARED,
}
"""The keys of params.yaml in the specs of a stage's own jobs, and those that say which jobs it has.

What a stage takes from another stage's files (a rank, through the adapter) shows in its dependencies. An
experiment is a stage and names its own keys (`PARAMETERS` of its jobs.py); `report` and `provenance` depend on
all of them.
"""

PLOTS: dict[str, dict[str, Any]] = {
    "accuracy-parameters": {
        "template": "named_points",
        "x": "parameters_trainable",
        "y": ["text_to_image", "image_to_text"],
        "title": "Recall@1 over trainable parameters, a point for each cell and direction",
        "x_label": "trainable parameters",
        "y_label": "recall@1, fraction",
    },
}
"""DVC's top-level plots, by the name of their table; an experiment's stand in its jobs.py.

`named_points` is our template, .dvc/plots/named_points.json: points with the name of their cell or pipeline.
"""


def parameters_of(stage: str) -> list[str]:
    """Return the keys of params.yaml that a stage depends on.

    Those of experiments that params.yaml does not name are left out: DVC refuses a key that is not there.
    """
    rooms, known = registry.rooms(), yaml.safe_load(Path("params.yaml").read_text())
    if stage in rooms:
        keys = {*CELLS, *registry.room(stage, "jobs").PARAMETERS}
    else:
        keys = {*PARAMETERS[stage], *(rooms if stage in ("report", "provenance") else ())}
    return sorted(key for key in keys if key in known or key not in rooms)


def plots() -> dict[str, dict[str, Any]]:
    """Return every plot, those of the experiments included."""
    found = dict(PLOTS)
    for room in registry.rooms():
        found |= getattr(registry.room(room, "jobs"), "PLOTS", {})
    return found


def rule_stages() -> dict[str, str]:
    """Return the stage of each rule: the noun that its rule file is called by, in the order of the DAG."""
    text = Path("Snakefile").read_text()
    order = re.findall(r'include: f?"workflow/rules/(\w+|{room})\.smk"', text)
    place = order.index("{room}")
    order[place : place + 1] = registry.rooms()
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
        path
        for stage in content  # in their own order: Snakemake's order of jobs changes from run to run
        for job in jobs[stage]
        for path in job.outputs
        if Path(path).parent.name == FIGURES
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
        "params": parameters_of(stage),
        "deps": sorted(inputs - outputs),
        "outs": [{path: {"persist": True}} for path in sorted(outputs)],
    }


def _plot(path: Path) -> list[dict[str, Any]]:
    """Return the plot of the table at `path`; none if it is no table of PLOTS."""
    known = plots()
    if path.suffix != ".csv" or path.stem not in known:
        return []
    plot = known[path.stem]
    return [{path.stem: plot | {"x": {str(path): plot["x"]}, "y": {str(path): plot["y"]}}}]
