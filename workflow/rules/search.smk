from crossmodal.experiments.search.jobs import (
    distractor_sets,
    gallery,
    gallery_sets,
    index_run,
    query_sets,
    search_runs,
    sees_tokens,
    teacher_of,
    token_stages,
    trained_stages,
)
from crossmodal.study.study import SetName

GALLERIES = gallery_sets(STUDY)
# What all galleries are made of, and who asks.
SEARCHED = [*STUDY.target_sets(), *distractor_sets(STUDY)]
ASKING = query_sets(STUDY)
FOLDS = range(STUDY.search.folds)
LEARNT, CHOSEN_ON = ([SetName(TARGET, split, "clean")] for split in ("train", "val"))
INDEX_FILES = (
    "index.faiss",
    "card.json",
    "points.json",
    "items.parquet",
    "vectors.npy",
    "vectors.scales.npy",
    "bias.npy",
)
RERANKER_FILES = ("config.json", "weights.safetensors")


# Where an index lies, the files of the indexes that a run's queries are answered by, those of a gallery alone.
index_folder = lambda gallery, index, run: (
    f"<results>/search/{{cell}}/s{{seed}}/{gallery}/{index}/r{index_run(STUDY, index, int(run))}"
)
searched_files = lambda run, galleries: [
    f"{index_folder(name, index, run)}/{file}"
    for name in galleries
    for index in STUDY.search.indexes
    for file in INDEX_FILES
]
# Configuration and weights of the re-rankers of a run.
reranker_files = lambda run, stages: [
    f"<results>/reranking/{{cell}}/s{{seed}}/{stage}/r{run}/{file}"
    for stage in stages
    for file in RERANKER_FILES
]
# Tokens of the images or the captions of sets, where some stage sees them; those of the training split's parts.
token_files = lambda sets, name: [
    f"<results>/tokens/{{cell}}/s{{seed}}/{'/'.join(one)}/{name}" for one in sets
]
seen_tokens = lambda sets, name: token_files(sets, name) if token_stages(STUDY) else []
trained_tokens = lambda name: (
    lambda wildcards: (
        filled([*token_files(CHOSEN_ON, name), *fold_files(name)], wildcards)
        if sees_tokens(STUDY, wildcards.stage)
        else []
    )
)
COMPRESSION = "<results>/tokens/{cell}/s{seed}/compression.safetensors"
filled = lambda files, wildcards: [
    file.format(cell=wildcards.cell, seed=wildcards.seed) for file in files
]
fold_file = lambda name: f"<results>/folds/{{cell}}/s{{seed}}/f{{fold}}/{name}"
fold_files = lambda name: [
    f"<results>/folds/{{cell}}/s{{seed}}/f{fold}/{name}" for fold in FOLDS
]
# A file of all runs.
of_runs = lambda file: [
    f"<results>/evaluation/search/{cell}/s{seed}/r{run}/{file}"
    for cell, seed in search_runs(STUDY)
    for run in range(STUDY.search.runs)
]


wildcard_constraints:
    run=r"\d+",
    fold=r"\d+",
    gallery=r"[^/]+",
    index=r"[^/]+",
    stage=r"[^/]+",


rule split_folds:
    input:
        train="<data>/datasets/{dataset}/train.parquet",
    output:
        rest=[f"<data>/folds/{{dataset}}/f{fold}/rest.parquet" for fold in FOLDS],
        part=[f"<data>/folds/{{dataset}}/f{fold}/part.parquet" for fold in FOLDS],
        manifest="<data>/folds/{dataset}/manifest.json",
    log:
        "<results>/logs/search/folds-{dataset}.log",
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("split_folds"),
    shell:
        "python -m crossmodal.experiments.search.split_folds @{params.arguments:q} > {log:q} 2>&1"


use rule adapt_model as adapt_fold with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        train=f"<data>/folds/{TARGET}/f{{fold}}/rest.parquet",
        validation=cell_split("val"),
    output:
        adapter_config=fold_file("adapter_config.json"),
        adapter=fold_file("adapter_model.safetensors"),
        card=fold_file("card.json"),
        training=fold_file("training.csv"),
        manifest=fold_file("manifest.json"),
    log:
        "<results>/logs/search/adapt-{cell}-s{seed}-f{fold}.log",
    params:
        arguments=arguments_of(
            "adapt_fold",
            checkpoints=f"{CHECKPOINTS}/fold-{{cell}}-s{{seed}}-f{{fold}}",
        ),
        launcher=of_cell(launcher_of),


use rule embed_target as embed_fold with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config=fold_file("adapter_config.json"),
        adapter=fold_file("adapter_model.safetensors"),
        datasets=[f"<data>/folds/{TARGET}/f{{fold}}/part.parquet"],
        known=[],
        known_captions=[],
    output:
        images=[fold_file("images.parquet")],
        captions=[fold_file("captions.parquet")],
        manifest=fold_file("embedded.manifest.json"),
    log:
        "<results>/logs/search/embed-{cell}-s{seed}-f{fold}.log",
    params:
        arguments=arguments_of("embed_fold"),


use rule embed_target as embed_galleries with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=image_files(GALLERIES),
        known=[],
        known_captions=[],
    output:
        images=embedding_files(GALLERIES, "images"),
        captions=embedding_files(GALLERIES, "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/galleries.manifest.json",
    log:
        "<results>/logs/search/embed-{cell}-s{seed}.log",
    params:
        arguments=arguments_of("embed_galleries"),


rule embed_tokens:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        train=image_files(LEARNT),
        fitted=[],
        datasets=image_files(SEARCHED + CHOSEN_ON),
        captioned=image_files(ASKING + CHOSEN_ON),
    output:
        compression=COMPRESSION,
        patches=token_files(SEARCHED + CHOSEN_ON, "patches.npy"),
        words=token_files(ASKING + CHOSEN_ON, "words.safetensors"),
        manifest="<results>/tokens/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/search/tokens-{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("embed_tokens"),
    shell:
        "python -m crossmodal.experiments.search.embed_tokens @{params.arguments:q} > {log:q} 2>&1"


use rule embed_tokens as embed_fold_tokens with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config=fold_file("adapter_config.json"),
        adapter=fold_file("adapter_model.safetensors"),
        train=[],
        fitted=[COMPRESSION],
        datasets=[f"<data>/folds/{TARGET}/f{{fold}}/part.parquet"],
        captioned=[f"<data>/folds/{TARGET}/f{{fold}}/part.parquet"],
    output:
        compression=fold_file("compression.safetensors"),
        patches=[fold_file("patches.npy")],
        words=[fold_file("words.safetensors")],
        manifest=fold_file("tokens.manifest.json"),
    log:
        "<results>/logs/search/tokens-{cell}-s{seed}-f{fold}.log",
    params:
        arguments=arguments_of("embed_fold_tokens"),


rule build_index:
    input:
        datasets=lambda wildcards: image_files(gallery(STUDY, wildcards.gallery)),
        images=lambda wildcards: embedding_files(
            gallery(STUDY, wildcards.gallery), "images", wildcards.cell, wildcards.seed
        ),
        bank=embedding_files(LEARNT, "captions"),
        validation_images=embedding_files(CHOSEN_ON, "images"),
        validation_captions=embedding_files(CHOSEN_ON, "captions"),
    output:
        index="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/index.faiss",
        card="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/card.json",
        points="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/points.json",
        listing="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/items.parquet",
        vectors="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/vectors.npy",
        scales="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/vectors.scales.npy",
        bias="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/bias.npy",
        manifest="<results>/search/{cell}/s{seed}/{gallery}/{index}/r{run}/manifest.json",
    log:
        "<results>/logs/search/index-{cell}-s{seed}-{gallery}-{index}-r{run}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("build_index"),
    shell:
        "python -m crossmodal.experiments.search.build_index @{params.arguments:q} > {log:q} 2>&1"


rule train_reranker:
    input:
        images=fold_files("images.parquet"),
        captions=fold_files("captions.parquet"),
        learnt_images=embedding_files(LEARNT, "images"),
        validation_images=embedding_files(CHOSEN_ON, "images"),
        validation_captions=embedding_files(CHOSEN_ON, "captions"),
        teacher=lambda wildcards: filled(
            reranker_files(
                wildcards.run, filter(None, [teacher_of(STUDY, wildcards.stage)])
            ),
            wildcards,
        ),
        compression=lambda wildcards: (
            filled([COMPRESSION], wildcards)
            if sees_tokens(STUDY, wildcards.stage)
            else []
        ),
        patches=trained_tokens("patches.npy"),
        words=trained_tokens("words.safetensors"),
    output:
        config="<results>/reranking/{cell}/s{seed}/{stage}/r{run}/config.json",
        weights="<results>/reranking/{cell}/s{seed}/{stage}/r{run}/weights.safetensors",
        training="<results>/reranking/{cell}/s{seed}/{stage}/r{run}/training.csv",
        manifest="<results>/reranking/{cell}/s{seed}/{stage}/r{run}/manifest.json",
    log:
        "<results>/logs/search/rerank-{cell}-s{seed}-{stage}-r{run}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(240),
    params:
        arguments=arguments_of("train_reranker"),
    shell:
        "python -m crossmodal.experiments.search.train_reranker @{params.arguments:q} > {log:q} 2>&1"


rule answer_queries:
    input:
        indexes=lambda wildcards: filled(
            searched_files(wildcards.run, STUDY.search.galleries), wildcards
        ),
        images=embedding_files(SEARCHED, "images"),
        captions=embedding_files(ASKING, "captions"),
        learnt_images=embedding_files(LEARNT, "images"),
        bank=embedding_files(LEARNT, "captions"),
        validation_images=embedding_files(CHOSEN_ON, "images"),
        validation_captions=embedding_files(CHOSEN_ON, "captions"),
        trained=lambda wildcards: filled(
            reranker_files(wildcards.run, trained_stages(STUDY)), wildcards
        ),
        patches=seen_tokens(SEARCHED, "patches.npy"),
        words=seen_tokens(ASKING, "words.safetensors"),
    output:
        queries="<results>/evaluation/search/{cell}/s{seed}/r{run}/queries.parquet",
        record="<results>/evaluation/search/{cell}/s{seed}/r{run}/record.json",
        manifest="<results>/evaluation/search/{cell}/s{seed}/r{run}/manifest.json",
    log:
        "<results>/logs/search/answer-{cell}-s{seed}-r{run}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("answer_queries"),
    shell:
        "python -m crossmodal.experiments.search.answer_queries @{params.arguments:q} > {log:q} 2>&1"


rule time_searches:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        texts=image_files(STUDY.target_sets()),
        indexes=lambda wildcards: filled(
            searched_files(0, [STUDY.search.timed()]), wildcards
        ),
        images=embedding_files(SEARCHED, "images"),
        captions=embedding_files(STUDY.target_sets(), "captions"),
        learnt_images=embedding_files(LEARNT, "images"),
        bank=embedding_files(LEARNT, "captions"),
        validation_images=embedding_files(CHOSEN_ON, "images"),
        validation_captions=embedding_files(CHOSEN_ON, "captions"),
        trained=lambda wildcards: filled(
            reranker_files(0, trained_stages(STUDY)), wildcards
        ),
        patches=seen_tokens(SEARCHED, "patches.npy"),
        words=seen_tokens(STUDY.target_sets(), "words.safetensors"),
    output:
        times="<results>/evaluation/search/{cell}/s{seed}/times/{process}.json",
        manifest="<results>/evaluation/search/{cell}/s{seed}/times/{process}.manifest.json",
    log:
        "<results>/logs/search/time-{cell}-s{seed}-{process}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: lambda wildcards: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("time_searches"),
    shell:
        "python -m crossmodal.experiments.search.time_searches @{params.arguments:q} > {log:q} 2>&1"


rule number_search:
    input:
        queries=of_runs("queries.parquet"),
        records=of_runs("record.json"),
        times=[
            f"<results>/evaluation/search/{cell}/s{seed}/times/{process}.json"
            for cell, seed in search_runs(STUDY)
            for process in range(STUDY.search.latency.processes)
        ],
    output:
        numbers="<results>/numbers/search.parquet",
        manifest="<results>/numbers/search.manifest.json",
    log:
        "<results>/logs/search/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_search"),
    shell:
        "python -m crossmodal.experiments.search.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_search:
    input:
        numbers="<results>/numbers/search.parquet",
    output:
        section="<results>/sections/search.json",
        figures="<results>/figures/recall-latency.csv",
        manifest="<results>/sections/search.manifest.json",
    log:
        "<results>/logs/search/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_search"),
    shell:
        "python -m crossmodal.experiments.search.section @{params.arguments:q} > {log:q} 2>&1"
