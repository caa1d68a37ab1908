from types import SimpleNamespace

from crossmodal.experiments.tuning.jobs import tuning_runs

# What a function of a cell's wildcards gives for the cell that a family's rate is found with.
of_family = lambda function: (
    lambda wildcards: function(
        SimpleNamespace(cell=STUDY.tuning.families[wildcards.family].representative)
    )
)


rule tune_model:
    input:
        config=of_family(model_file("open_clip_config.json")),
        weights=of_family(model_file("open_clip_model.safetensors")),
        tower=of_family(tower_of),
        train=of_family(cell_split("train")),
        validation=of_family(cell_split("val")),
    output:
        record="<results>/tuning/{family}/{rate}/s{seed}/record.json",
        manifest="<results>/tuning/{family}/{rate}/s{seed}/manifest.json",
    log:
        "<results>/logs/tuning/{family}-{rate}-s{seed}.log",
    priority: 10
    conda:
        ENVIRONMENT
    threads: of_family(of_cell(threads_of))
    resources:
        mem_mb=scaled(4000, of_family(of_cell(processes_of))),
        runtime=scaled(480),
        gpu=of_family(of_cell(gpus_of)),
    params:
        arguments=arguments_of(
            "tune_model",
            checkpoints=f"{CHECKPOINTS}/tuning-{{family}}-{{rate}}-s{{seed}}",
        ),
        launcher=of_family(of_cell(launcher_of)),
    shell:
        "python -m {params.launcher}crossmodal.experiments.tuning.tune_model @{params.arguments:q} > {log:q} 2>&1"


rule number_tuning:
    input:
        records=[
            f"<results>/tuning/{family}/{rate}/s{seed}/record.json"
            for family, rate, seed in tuning_runs(STUDY)
        ],
    output:
        numbers="<results>/numbers/tuning.parquet",
        manifest="<results>/numbers/tuning.manifest.json",
    log:
        "<results>/logs/tuning/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("number_tuning"),
    shell:
        "python -m crossmodal.experiments.tuning.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_tuning:
    input:
        numbers="<results>/numbers/tuning.parquet",
    output:
        section="<results>/sections/tuning.json",
        figures="<results>/figures/learning-rates.csv",
        manifest="<results>/sections/tuning.manifest.json",
    log:
        "<results>/logs/tuning/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_tuning"),
    shell:
        "python -m crossmodal.experiments.tuning.section @{params.arguments:q} > {log:q} 2>&1"
