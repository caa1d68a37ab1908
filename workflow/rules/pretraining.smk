rule build_model:
    input:
        train=lambda wildcards: expand(
            "<data>/datasets/{dataset}/train.parquet",
            dataset=STUDY.models[wildcards.model].datasets,
        ),
        validation=lambda wildcards: expand(
            "<data>/datasets/{dataset}/val.parquet",
            dataset=STUDY.models[wildcards.model].validation or [],
        ),
    output:
        config="<results>/models/{model}/open_clip_config.json",
        weights="<results>/models/{model}/open_clip_model.safetensors",
        training="<results>/models/{model}/training.csv",
        manifest="<results>/models/{model}/manifest.json",
    log:
        "<results>/logs/pretraining/{model}.log",
    # Everything waits for the models.
    priority: 20
    conda:
        ENVIRONMENT
    threads: of_model(threads_of)
    resources:
        mem_mb=scaled(6000, of_model(processes_of)),
        runtime=scaled(480),
        gpu=of_model(gpus_of),
    params:
        arguments=arguments_of("build_model", checkpoints=f"{CHECKPOINTS}/{{model}}"),
        launcher=of_model(launcher_of),
    shell:
        "python -m {params.launcher}crossmodal.jobs.build_model @{params.arguments:q} > {log:q} 2>&1"
