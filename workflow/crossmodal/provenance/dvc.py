"""dvc.yaml from the Snakemake DAG: DVC as the witness of every artifact, Snakemake as the driver."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import yaml

from crossmodal.errors import UserError

RULES = Path("workflow/rules")
PARAMETERS = {
    "data": ["datasets"],
    "shifts": ["shifts", "evaluation.shifts"],
    "pretraining": ["pretraining"],
    "adaptation": ["adaptation", "seeds"],
    "embeddings": ["embeddings"],
    "search": ["search"],
    "reranking": ["reranking"],
    "evaluation": ["evaluation", "hypotheses"],
    "report": ["report"],
    "provenance": ["study"],
}
"""The keys of params.yaml that a stage answers to."""


def rule_stages() -> dict[str, str]:
    """Return the stage of each rule: the noun that its rule file is called by, in the order of the DAG."""
    order = re.findall(r'include: "workflow/rules/(\w+)\.smk"', Path("Snakefile").read_text())
    return {
        rule: stage
        for stage in order
        for rule in re.findall(r"^rule (\w+):", (RULES / f"{stage}.smk").read_text(), flags=re.MULTILINE)
    }


def dag_jobs() -> list[tuple[str, list[str], list[str]]]:
    """Return (rule, inputs, outputs) of every job of the default study, from Snakemake's own listing.

    A forced dry run lists all jobs with their files whether or not the files exist.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--cores", "1", "--nolock"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        last = (listed.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"snakemake cannot list the study's jobs: {last}")
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: {4}.*\n)*)", listed.stdout, flags=re.MULTILINE)
    return [(rule, _listed("input", details), _listed("output", details)) for rule, details in jobs]


def _listed(what: str, details: str) -> list[str]:
    found = re.search(rf"^ {{4}}{what}: (.*)$", details, flags=re.MULTILINE)
    return found[1].split(", ") if found else []


def dvc_yaml() -> str:
    """Return dvc.yaml: one stage per study stage, with exact dependencies, parameters and outputs.

    `persist` keeps DVC from deleting outputs before it delegates to Snakemake.
    """
    stages = rule_stages()
    outputs: dict[str, set[str]] = defaultdict(set)
    inputs: dict[str, set[str]] = defaultdict(set)
    rules: dict[str, set[str]] = defaultdict(set)
    for rule, sources, files in dag_jobs():
        if rule in stages:
            rules[stages[rule]].add(rule)
            outputs[stages[rule]].update(files)
            inputs[stages[rule]].update(sources)
    content = {
        stage: {
            "desc": f"workflow/rules/{stage}.smk",
            "cmd": "snakemake --cores all --until " + " ".join(sorted(rules[stage])),
            "params": PARAMETERS[stage],
            "deps": sorted(inputs[stage] - outputs[stage]),
            "outs": [{path: {"persist": True}} for path in sorted(outputs[stage])],
        }
        for stage in dict.fromkeys(stages.values())
        if outputs[stage]
    }
    header = "# Generated from the Snakemake DAG by `make generate`; do not edit.\n"
    return header + yaml.safe_dump({"stages": content}, sort_keys=False, width=110)
