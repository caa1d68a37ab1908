from crossmodal.experiments.robustness.jobs import (
    attacked_runs,
    attacked_sets,
    shifted_runs,
    shifted_sets,
    validated_runs,
)

SHIFTED = shifted_sets(STUDY)
ATTACKED = list(attacked_runs(STUDY))


use rule embed_target as embed_shifted with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=image_files(SHIFTED),
        # A shift of the images leaves the captions as they are.
        known=image_files(STUDY.target_sets()),
        known_captions=embedding_files(STUDY.target_sets(), "captions"),
    output:
        images=embedding_files(SHIFTED, "images"),
        captions=embedding_files(SHIFTED, "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/shifted.manifest.json",
    log:
        "<results>/logs/robustness/embed-{cell}-s{seed}.log",
    priority: 0
    params:
        arguments=arguments_of("embed_shifted"),


use rule evaluate_target as evaluate_shifted with:
    input:
        images=embedding_files(SHIFTED, "images"),
        captions=embedding_files(SHIFTED, "captions"),
    output:
        queries=query_files(SHIFTED),
        manifest="<results>/evaluation/retrieval/{cell}/s{seed}/shifted.manifest.json",
    log:
        "<results>/logs/robustness/evaluate-{cell}-s{seed}.log",
    params:
        arguments=arguments_of("evaluate_shifted"),


rule evaluate_attacks:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        images=f"<data>/datasets/{TARGET}/test.parquet",
        embedded_images=embedding_files(STUDY.target_sets(), "images"),
        embedded_captions=embedding_files(STUDY.target_sets(), "captions"),
        train=f"<data>/datasets/{TARGET}/train.parquet",
    output:
        queries=query_files(attacked_sets(STUDY), kind="attacks"),
        sanity="<results>/evaluation/attacks/{cell}/s{seed}/sanity.json",
        unit="<results>/evaluation/attacks/{cell}/s{seed}/unit.json",
        manifest="<results>/evaluation/attacks/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/robustness/attacks-{cell}-s{seed}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("evaluate_attacks"),
    shell:
        "python -m crossmodal.experiments.robustness.evaluate_attacks @{params.arguments:q} > {log:q} 2>&1"


rule validate_attacks:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        train=cell_split("train"),
        validation=cell_split("val"),
    output:
        recalls="<results>/evaluation/validation/{cell}/s{seed}/robust.json",
        manifest="<results>/evaluation/validation/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/robustness/validation-{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("validate_attacks"),
    shell:
        "python -m crossmodal.experiments.robustness.validate_attacks @{params.arguments:q} > {log:q} 2>&1"


rule number_robustness:
    input:
        clean=[
            file
            for cell, seed in shifted_runs(STUDY)
            for file in query_files(STUDY.target_sets(), cell, seed)
        ],
        shifted=[
            file
            for cell, seed in shifted_runs(STUDY)
            for file in query_files(SHIFTED, cell, seed)
        ],
        cards=cards(),
        attacked=[
            file
            for cell, seed in ATTACKED
            for file in query_files(attacked_sets(STUDY), cell, seed, "attacks")
        ],
        sanity=[
            f"<results>/evaluation/attacks/{cell}/s{seed}/sanity.json"
            for cell, seed in ATTACKED
        ],
        units=[
            f"<results>/evaluation/attacks/{cell}/s{seed}/unit.json"
            for cell, seed in ATTACKED
        ],
        validated=[
            f"<results>/evaluation/validation/{cell}/s{seed}/robust.json"
            for cell, seed in validated_runs(STUDY)
        ],
    output:
        numbers="<results>/numbers/robustness.parquet",
        manifest="<results>/numbers/robustness.manifest.json",
    log:
        "<results>/logs/robustness/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_robustness"),
    shell:
        "python -m crossmodal.experiments.robustness.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_robustness:
    input:
        cells="<results>/numbers/cells.parquet",
        numbers="<results>/numbers/robustness.parquet",
        sanity=rules.number_robustness.input.sanity,
        images=image_files(STUDY.target_sets()) if SHIFTED else [],
        shifted=image_files(SHIFTED),
    output:
        section="<results>/sections/robustness.json",
        figures="<results>/figures/degradation.csv",
        manifest="<results>/sections/robustness.manifest.json",
    log:
        "<results>/logs/robustness/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_robustness"),
    shell:
        "python -m crossmodal.experiments.robustness.section @{params.arguments:q} > {log:q} 2>&1"
