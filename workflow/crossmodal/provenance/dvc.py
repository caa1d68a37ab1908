"""dvc.yaml from the Snakemake DAG: DVC as the witness of every artifact, Snakemake as the driver."""

import csv
import io
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


def dag_files() -> list[tuple[str, str, list[str]]]:
    """Return (output, rule, inputs) of every file of the default study, as Snakemake itself lists them."""
    command = [sys.executable, "-m", "snakemake", "--detailed-summary", "--cores", "1", "--nolock", "--quiet"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        last = (listed.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"snakemake cannot list the study's files: {last}")
    rows = csv.DictReader(io.StringIO(listed.stdout), delimiter="\t")
    return [(row["output_file"], row["rule"], row["input-file(s)"].split(",")) for row in rows]


def dvc_yaml() -> str:
    """Return dvc.yaml: one stage per study stage, with exact dependencies, parameters and outputs.

    `persist` keeps DVC from deleting outputs before it delegates to Snakemake.
    """
    stages = rule_stages()
    outputs: dict[str, set[str]] = defaultdict(set)
    inputs: dict[str, set[str]] = defaultdict(set)
    for output, rule, sources in dag_files():
        outputs[stages[rule]].add(output)
        inputs[stages[rule]].update(source for source in sources if source and source != "-")
    content = {
        stage: {
            "desc": f"workflow/rules/{stage}.smk",
            "cmd": f"snakemake --cores all {stage}",
            "params": PARAMETERS[stage],
            "deps": sorted(inputs[stage] - outputs[stage]),
            "outs": [{path: {"persist": True}} for path in sorted(outputs[stage])],
        }
        for stage in dict.fromkeys(stages.values())
        if outputs[stage]
    }
    header = "# Generated from the Snakemake DAG by `make generate`; do not edit.\n"
    return header + yaml.safe_dump({"stages": content}, sort_keys=False, width=110)
