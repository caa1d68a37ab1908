from crossmodal.experiments.few_shot.jobs import backbones, fits, sources

BACKBONES = backbones(STUDY)
FITS = fits(STUDY)
TIMING = STUDY.few_shot.timing
# The files of a base model, and of the features of a dataset under it; a file of each fit.
backbone = lambda model, name: f"<results>/models/{model}/{name}"
features = lambda model, dataset, name: f"<results>/features/{model}/{dataset}/{name}"
of_fits = lambda name: [
    f"<results>/evaluation/few_shot/{model}/{dataset}/{draw}/{name}"
    for model, dataset, draw in FITS
]
# The base model whose methods are timed, if any are.
TIMED = BACKBONES[:1] if TIMING else []


wildcard_constraints:
    draw=r"\d+",
    process=r"\d+",


rule embed_classes:
    input:
        config=backbone("{model}", "open_clip_config.json"),
        weights=backbone("{model}", "open_clip_model.safetensors"),
        tower=lambda wildcards: tower_files(wildcards.model),
        train="<data>/datasets/{dataset}/train.parquet",
        validation="<data>/datasets/{dataset}/val.parquet",
        test="<data>/datasets/{dataset}/test.parquet",
    output:
        train_features=features("{model}", "{dataset}", "train.parquet"),
        validation_features=features("{model}", "{dataset}", "validation.parquet"),
        test_features=features("{model}", "{dataset}", "test.parquet"),
        head=features("{model}", "{dataset}", "head.safetensors"),
        manifest=features("{model}", "{dataset}", "manifest.json"),
    log:
        "<results>/logs/few_shot/embed-{model}-{dataset}.log",
    wildcard_constraints:
        model=any_of(BACKBONES),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("embed_classes"),
    shell:
        "python -m crossmodal.experiments.few_shot.embed_classes @{params.arguments:q} > {log:q} 2>&1"


rule fit_classifiers:
    input:
        config=backbone("{model}", "open_clip_config.json"),
        weights=backbone("{model}", "open_clip_model.safetensors"),
        tower=lambda wildcards: tower_files(wildcards.model),
        train=features("{model}", "{dataset}", "train.parquet"),
        validation=features("{model}", "{dataset}", "validation.parquet"),
        test=features("{model}", "{dataset}", "test.parquet"),
        head=features("{model}", "{dataset}", "head.safetensors"),
        elsewhere=lambda wildcards: [
            features(wildcards.model, name, "test.parquet")
            for name in sources(STUDY, wildcards.dataset)
        ],
    output:
        answers="<results>/evaluation/few_shot/{model}/{dataset}/{draw}/answers.parquet",
        fits="<results>/evaluation/few_shot/{model}/{dataset}/{draw}/fits.json",
        shots="<results>/evaluation/few_shot/{model}/{dataset}/{draw}/shots.json",
        manifest="<results>/evaluation/few_shot/{model}/{dataset}/{draw}/manifest.json",
    log:
        "<results>/logs/few_shot/fit-{model}-{dataset}-{draw}.log",
    wildcard_constraints:
        model=any_of(BACKBONES),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    params:
        arguments=arguments_of("fit_classifiers"),
    shell:
        "python -m crossmodal.experiments.few_shot.fit_classifiers @{params.arguments:q} > {log:q} 2>&1"


rule time_classifiers:
    input:
        config=[backbone(model, "open_clip_config.json") for model in TIMED],
        weights=[backbone(model, "open_clip_model.safetensors") for model in TIMED],
        tower=[file for model in TIMED for file in tower_files(model)],
        train=[features(model, TIMING.set, "train.parquet") for model in TIMED],
        validation=[
            features(model, TIMING.set, "validation.parquet") for model in TIMED
        ],
        test=[features(model, TIMING.set, "test.parquet") for model in TIMED],
        head=[features(model, TIMING.set, "head.safetensors") for model in TIMED],
    output:
        times="<results>/evaluation/few_shot/times/{process}.json",
        manifest="<results>/evaluation/few_shot/times/{process}.manifest.json",
    log:
        "<results>/logs/few_shot/times-{process}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: lambda wildcards: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("time_classifiers"),
    shell:
        "python -m crossmodal.experiments.few_shot.time_classifiers @{params.arguments:q} > {log:q} 2>&1"


rule number_few_shot:
    input:
        answers=of_fits("answers.parquet"),
        fits=of_fits("fits.json"),
        shots=of_fits("shots.json"),
        times=(
            expand(
                rules.time_classifiers.output.times, process=range(TIMING.processes)
            )
            if TIMING
            else []
        ),
    output:
        numbers="<results>/numbers/few_shot.parquet",
        manifest="<results>/numbers/few_shot.manifest.json",
    log:
        "<results>/logs/few_shot/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_few_shot"),
    shell:
        "python -m crossmodal.experiments.few_shot.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_few_shot:
    input:
        numbers="<results>/numbers/few_shot.parquet",
    output:
        section="<results>/sections/few_shot.json",
        manifest="<results>/sections/few_shot.manifest.json",
    log:
        "<results>/logs/few_shot/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_few_shot"),
    shell:
        "python -m crossmodal.experiments.few_shot.section @{params.arguments:q} > {log:q} 2>&1"
