"""Efficient and robust image-text retrieval: one study, from source packages to the report."""

from snakemake.utils import min_version

min_version("9.14")


include: "workflow/rules/common.smk"


pathvars:
    data=f"data/{STUDY.study}",
    results=f"results/{STUDY.study}",


include: "workflow/rules/data.smk"
include: "workflow/rules/shifts.smk"
include: "workflow/rules/pretraining.smk"
include: "workflow/rules/adaptation.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/evaluation.smk"


# One experiment, one room: its library is workflow/crossmodal/experiments/<room>.
for room in STUDY.rooms():

    include: f"workflow/rules/{room}.smk"


include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"


wildcard_constraints:
    package=r"[^/]+\.(tgz|whl)",
    seed=r"\d+",
    split="train|val|test",


localrules:
    all,


rule all:
    default_target: True
    input:
        every_output(),
