from crossmodal.experiments.zero_shot.jobs import (
    asked_sets,
    known_sets,
    teaching_runs,
    trained_models,
    tried_runs,
    tried_sets,
)

TRIED = tried_sets(STUDY)
PROMPTED = tried_sets(STUDY, "prompts")
TRIED_RUNS = list(tried_runs(STUDY))
PROBE = STUDY.zero_shot.probe


rule embed_zero_shot:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=image_files(TRIED),
    output:
        images=embedding_files(TRIED, "images"),
        captions=embedding_files(TRIED, "captions"),
        classes=embedding_files(PROMPTED, "captions"),
        footprint="<results>/evaluation/zero_shot/{cell}/s{seed}/footprint.json",
        manifest="<results>/embeddings/{cell}/s{seed}/zero_shot.manifest.json",
    log:
        "<results>/logs/zero_shot/embed-{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("embed_zero_shot"),
    shell:
        "python -m crossmodal.experiments.zero_shot.embed_domains @{params.arguments:q} > {log:q} 2>&1"


rule evaluate_zero_shot:
    input:
        images=embedding_files(
            [*TRIED, *(name._replace(variant="clean") for name in PROMPTED)], "images"
        ),
        captions=embedding_files(asked_sets(STUDY), "captions"),
    output:
        queries=query_files(asked_sets(STUDY), kind="zero_shot"),
        manifest="<results>/evaluation/zero_shot/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/zero_shot/evaluate-{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("evaluate_zero_shot"),
    shell:
        "python -m crossmodal.jobs.evaluate_sets @{params.arguments:q} > {log:q} 2>&1"


rule number_zero_shot:
    input:
        queries=[
            file
            for cell, seed in TRIED_RUNS
            for file in query_files(asked_sets(STUDY), cell, seed, "zero_shot")
        ],
        probes=query_files(TRIED, PROBE, 0, "probes") if PROBE else [],
        domains=image_files(TRIED),
        known=image_files(known_sets(STUDY)) if TRIED else [],
        footprints=[
            f"<results>/evaluation/zero_shot/{cell}/s{seed}/footprint.json"
            for cell, seed in TRIED_RUNS
        ],
        cards=[adapter(cell, seed, "card.json") for cell, seed in TRIED_RUNS],
        students=[
            f"<results>/models/{model}/card.json" for model in trained_models(STUDY)
        ],
        teachers=[
            adapter(cell, seed, "card.json") for cell, seed in teaching_runs(STUDY)
        ],
    output:
        numbers="<results>/numbers/zero_shot.parquet",
        manifest="<results>/numbers/zero_shot.manifest.json",
    log:
        "<results>/logs/zero_shot/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_zero_shot"),
    shell:
        "python -m crossmodal.experiments.zero_shot.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_zero_shot:
    input:
        cells="<results>/numbers/cells.parquet",
        numbers="<results>/numbers/zero_shot.parquet",
    output:
        section="<results>/sections/zero_shot.json",
        manifest="<results>/sections/zero_shot.manifest.json",
    log:
        "<results>/logs/zero_shot/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_zero_shot"),
    shell:
        "python -m crossmodal.experiments.zero_shot.section @{params.arguments:q} > {log:q} 2>&1"
