from crossmodal.experiments.encoders.jobs import beside_runs, encoder_runs

COMPARED = encoder_runs(STUDY)
COMPARED_MODELS = [STUDY.model_of(cell) for cell, _ in COMPARED]
# A file of each encoder, in their order.
of_encoders = lambda files: [
    file for cell, seed in COMPARED for file in files(cell, seed)
]
encoder_queries = of_encoders(
    lambda cell, seed: query_files(STUDY.target_sets(), cell, seed)
)


wildcard_constraints:
    process=r"\d+",


rule measure_towers:
    input:
        configs=[
            f"<results>/models/{model}/open_clip_config.json"
            for model in COMPARED_MODELS
        ],
        weights=[
            f"<results>/models/{model}/open_clip_model.safetensors"
            for model in COMPARED_MODELS
        ],
        towers=list(
            dict.fromkeys(
                file for model in COMPARED_MODELS for file in tower_files(model)
            )
        ),
        adapter_configs=of_encoders(
            lambda cell, seed: [adapter(cell, seed, "adapter_config.json")]
        ),
        adapter_weights=of_encoders(
            lambda cell, seed: [adapter(cell, seed, "adapter_model.safetensors")]
        ),
    output:
        times="<results>/evaluation/encoders/towers/{process}.json",
        manifest="<results>/evaluation/encoders/towers/{process}.manifest.json",
    log:
        "<results>/logs/encoders/towers-{process}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: lambda wildcards: workflow.cores or 1
    resources:
        mem_mb=scaled(6000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("measure_towers"),
    shell:
        "python -m crossmodal.experiments.encoders.measure_towers @{params.arguments:q} > {log:q} 2>&1"


rule score_precision:
    input:
        images=of_encoders(
            lambda cell, seed: embedding_files(
                STUDY.target_sets(), "images", cell, seed
            )
        ),
        captions=of_encoders(
            lambda cell, seed: embedding_files(
                STUDY.target_sets(), "captions", cell, seed
            )
        ),
    output:
        precision="<results>/evaluation/encoders/precision.parquet",
        manifest="<results>/evaluation/encoders/precision.manifest.json",
    log:
        "<results>/logs/encoders/precision.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("score_precision"),
    shell:
        "python -m crossmodal.experiments.encoders.score_precision @{params.arguments:q} > {log:q} 2>&1"


rule number_encoders:
    input:
        queries=encoder_queries,
        beside=[
            file
            for cell, seed in beside_runs(STUDY)
            for file in query_files(STUDY.target_sets(), cell, seed)
        ],
        probe=(
            query_files(STUDY.target_sets(), STUDY.encoders.probe, 0, "probes")
            if STUDY.encoders.probe
            else []
        ),
        precision=rules.score_precision.output.precision if COMPARED else [],
        times=(
            expand(
                rules.measure_towers.output.times,
                process=range(STUDY.encoders.processes),
            )
            if COMPARED
            else []
        ),
        training=[f"<results>/models/{model}/training.csv" for model in COMPARED_MODELS],
    output:
        numbers="<results>/numbers/encoders.parquet",
        manifest="<results>/numbers/encoders.manifest.json",
    log:
        "<results>/logs/encoders/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_encoders"),
    shell:
        "python -m crossmodal.experiments.encoders.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_encoders:
    input:
        cells="<results>/numbers/cells.parquet",
        numbers="<results>/numbers/encoders.parquet",
        queries=encoder_queries,
        images=image_files(STUDY.target_sets()) if COMPARED else [],
    output:
        section="<results>/sections/encoders.json",
        manifest="<results>/sections/encoders.manifest.json",
    log:
        "<results>/logs/encoders/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_encoders"),
    shell:
        "python -m crossmodal.experiments.encoders.section @{params.arguments:q} > {log:q} 2>&1"
