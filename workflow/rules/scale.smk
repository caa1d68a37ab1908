from crossmodal.experiments.scale.jobs import (
    cost_files,
    embedded_here,
    run_files,
    scale_run,
)

SCALE = STUDY.scale
EMBEDDED_HERE = embedded_here(STUDY) if SCALE.cell else []
# What a second stage was trained to, by the first run of the experiment `search`.
SCALE_RERANKER = (
    [
        f"<results>/reranking/{{cell}}/s{{seed}}/{SCALE.reranker}/r0/{name}"
        for name in ("config.json", "weights.safetensors")
    ]
    if SCALE.reranker
    else []
)


wildcard_constraints:
    shard=r"\d+",
    size=r"\d+",
    process=r"\d+",
    kind="index|hnsw",
    side="images|captions",


# The embeddings of a set, as another job writes them or as this experiment's own does.
scale_embedding = lambda dataset, split, side: (
    f"<results>/scale/{{cell}}/s{{seed}}/embedded/{dataset}/{split}/{side}.parquet"
    if (dataset, split, side) in EMBEDDED_HERE
    else f"<results>/embeddings/{{cell}}/s{{seed}}/{dataset}/{split}/clean/{side}.parquet"
)
# A file of each shard of the gallery of a size, of each of its indexes.
of_shards = lambda file: (
    lambda wildcards: [
        file.format(**wildcards, shard=shard)
        for shard in SCALE.shards_of(int(wildcards.size))
    ]
)
of_kinds = lambda file: (
    lambda wildcards: [
        file.format(**wildcards, kind=kind) for kind in SCALE.kinds(int(wildcards.size))
    ]
)
scale_shards = of_shards("<results>/scale/{cell}/s{seed}/shards/{shard}.npy")
scale_found = of_shards("<results>/scale/{cell}/s{seed}/exhaustive/{shard}.npz")
# The training captions where something learns from them.
training_captions = (
    [scale_embedding(TARGET, "train", "captions")]
    if SCALE.learns_from_captions()
    else []
)


rule embed_scale:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        dataset="<data>/datasets/{dataset}/{split}.parquet",
    output:
        embeddings="<results>/scale/{cell}/s{seed}/embedded/{dataset}/{split}/{side}.parquet",
        manifest="<results>/scale/{cell}/s{seed}/embedded/{dataset}/{split}/{side}.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-embed-{dataset}-{split}-{side}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("embed_scale"),
    shell:
        "python -m crossmodal.experiments.scale.embed_source @{params.arguments:q} > {log:q} 2>&1"


rule gather_real:
    input:
        own=scale_embedding(TARGET, "test", "images"),
        sources=[scale_embedding(name, "train", "images") for name in SCALE.sources],
        queries=scale_embedding(TARGET, "test", "captions"),
    output:
        real="<results>/scale/{cell}/s{seed}/real.npy",
        names="<results>/scale/{cell}/s{seed}/items.parquet",
        manifest="<results>/scale/{cell}/s{seed}/real.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-real.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("gather_real"),
    shell:
        "python -m crossmodal.experiments.scale.gather_real @{params.arguments:q} > {log:q} 2>&1"


rule fit_density:
    input:
        real="<results>/scale/{cell}/s{seed}/real.npy",
        names="<results>/scale/{cell}/s{seed}/items.parquet",
        queries=scale_embedding(TARGET, "val", "captions"),
    output:
        density="<results>/scale/{cell}/s{seed}/density.npz",
        comparison="<results>/scale/{cell}/s{seed}/density.json",
        manifest="<results>/scale/{cell}/s{seed}/density.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-density.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("fit_density"),
    shell:
        "python -m crossmodal.experiments.scale.fit_density @{params.arguments:q} > {log:q} 2>&1"


rule draw_shard:
    input:
        real="<results>/scale/{cell}/s{seed}/real.npy",
        density="<results>/scale/{cell}/s{seed}/density.npz",
    output:
        vectors="<results>/scale/{cell}/s{seed}/shards/{shard}.npy",
        manifest="<results>/scale/{cell}/s{seed}/shards/{shard}.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-shard-{shard}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("draw_shard"),
    shell:
        "python -m crossmodal.experiments.scale.draw_shard @{params.arguments:q} > {log:q} 2>&1"


rule search_shard_exhaustively:
    input:
        vectors="<results>/scale/{cell}/s{seed}/shards/{shard}.npy",
        test=scale_embedding(TARGET, "test", "captions"),
        validation=scale_embedding(TARGET, "val", "captions"),
    output:
        found="<results>/scale/{cell}/s{seed}/exhaustive/{shard}.npz",
        manifest="<results>/scale/{cell}/s{seed}/exhaustive/{shard}.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-exhaustive-{shard}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("search_shard_exhaustively"),
    shell:
        "python -m crossmodal.experiments.scale.search_shard @{params.arguments:q} > {log:q} 2>&1"


rule train_scale_index:
    input:
        vectors=scale_shards,
        captions=training_captions,
    output:
        trained="<results>/scale/{cell}/s{seed}/{size}/trained.faiss",
        cost="<results>/scale/{cell}/s{seed}/{size}/trained.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/trained.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-train.log",
    priority: 5
    conda:
        ENVIRONMENT
    threads: SCALE.threads
    resources:
        mem_mb=scaled(20000),
        runtime=scaled(120),
    params:
        arguments=arguments_of("train_scale_index"),
    shell:
        "python -m crossmodal.experiments.scale.train_index @{params.arguments:q} > {log:q} 2>&1"


rule fill_scale_index:
    input:
        trained="<results>/scale/{cell}/s{seed}/{size}/trained.faiss",
        vectors="<results>/scale/{cell}/s{seed}/shards/{shard}.npy",
    output:
        part="<results>/scale/{cell}/s{seed}/{size}/parts/{shard}.faiss",
        cost="<results>/scale/{cell}/s{seed}/{size}/parts/{shard}.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/parts/{shard}.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-fill-{shard}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("fill_scale_index"),
    shell:
        "python -m crossmodal.experiments.scale.fill_index @{params.arguments:q} > {log:q} 2>&1"


rule merge_scale_index:
    input:
        trained="<results>/scale/{cell}/s{seed}/{size}/trained.faiss",
        parts=of_shards("<results>/scale/{cell}/s{seed}/{size}/parts/{shard}.faiss"),
        vectors=scale_shards,
    output:
        index="<results>/scale/{cell}/s{seed}/{size}/index.faiss",
        card="<results>/scale/{cell}/s{seed}/{size}/index.card.json",
        cost="<results>/scale/{cell}/s{seed}/{size}/merged.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/index.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-merge.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("merge_scale_index"),
    shell:
        "python -m crossmodal.experiments.scale.merge_index @{params.arguments:q} > {log:q} 2>&1"


rule build_scale_hnsw:
    input:
        vectors=scale_shards,
        captions=training_captions,
    output:
        index="<results>/scale/{cell}/s{seed}/{size}/hnsw.faiss",
        card="<results>/scale/{cell}/s{seed}/{size}/hnsw.card.json",
        cost="<results>/scale/{cell}/s{seed}/{size}/hnsw.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/hnsw.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-hnsw.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(240),
    params:
        arguments=arguments_of("build_scale_hnsw"),
    shell:
        "python -m crossmodal.experiments.scale.build_hnsw @{params.arguments:q} > {log:q} 2>&1"


rule choose_scale_point:
    input:
        index="<results>/scale/{cell}/s{seed}/{size}/{kind}.faiss",
        vectors=scale_shards,
        captions=scale_embedding(TARGET, "val", "captions"),
        found=scale_found,
    output:
        points="<results>/scale/{cell}/s{seed}/{size}/{kind}.points.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/{kind}.points.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-{kind}-point.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("choose_scale_point"),
    shell:
        "python -m crossmodal.experiments.scale.choose_point @{params.arguments:q} > {log:q} 2>&1"


rule answer_scale:
    input:
        indexes=of_kinds("<results>/scale/{cell}/s{seed}/{size}/{kind}.faiss"),
        points=of_kinds("<results>/scale/{cell}/s{seed}/{size}/{kind}.points.json"),
        vectors=scale_shards,
        names="<results>/scale/{cell}/s{seed}/items.parquet",
        captions=scale_embedding(TARGET, "test", "captions"),
        bank=training_captions,
        reranker=SCALE_RERANKER,
        found=scale_found,
    output:
        answers="<results>/scale/{cell}/s{seed}/{size}/answers.parquet",
        manifest="<results>/scale/{cell}/s{seed}/{size}/answers.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-answer.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("answer_scale"),
    shell:
        "python -m crossmodal.experiments.scale.answer @{params.arguments:q} > {log:q} 2>&1"


rule judge_scale_stage:
    input:
        indexes="<results>/scale/{cell}/s{seed}/{size}/index.faiss",
        points="<results>/scale/{cell}/s{seed}/{size}/index.points.json",
        vectors=scale_shards,
        names="<results>/scale/{cell}/s{seed}/items.parquet",
        captions=scale_embedding(TARGET, "val", "captions"),
        images=scale_embedding(TARGET, "val", "images") if SCALE.reranker else [],
        bank=training_captions,
        reranker=SCALE_RERANKER,
    output:
        judged="<results>/scale/{cell}/s{seed}/{size}/judged.parquet",
        manifest="<results>/scale/{cell}/s{seed}/{size}/judged.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-judge.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("judge_scale_stage"),
    shell:
        "python -m crossmodal.experiments.scale.judge_stage @{params.arguments:q} > {log:q} 2>&1"


rule time_scale:
    input:
        indexes=of_kinds("<results>/scale/{cell}/s{seed}/{size}/{kind}.faiss"),
        points=of_kinds("<results>/scale/{cell}/s{seed}/{size}/{kind}.points.json"),
        vectors=scale_shards,
        names="<results>/scale/{cell}/s{seed}/items.parquet",
        captions=scale_embedding(TARGET, "test", "captions"),
        bank=training_captions,
        reranker=SCALE_RERANKER,
    output:
        times="<results>/scale/{cell}/s{seed}/{size}/times/{process}.json",
        manifest="<results>/scale/{cell}/s{seed}/{size}/times/{process}.manifest.json",
    log:
        "<results>/logs/scale/{cell}-s{seed}-{size}-times-{process}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: lambda wildcards: workflow.cores or 1
    resources:
        mem_mb=scaled(16000),
        runtime=scaled(120),
    params:
        arguments=arguments_of("time_scale"),
    shell:
        "python -m crossmodal.experiments.scale.time_systems @{params.arguments:q} > {log:q} 2>&1"


rule number_scale:
    input:
        names=run_files(STUDY, "items.parquet"),
        comparisons=run_files(STUDY, "density.json"),
        cards=run_files(STUDY, "{size}/{kind}.card.json"),
        points=run_files(STUDY, "{size}/{kind}.points.json"),
        costs=cost_files(STUDY),
        answers=run_files(STUDY, "{size}/answers.parquet"),
        judged=run_files(STUDY, "{size}/judged.parquet") if SCALE.reranker else [],
        times=run_files(STUDY, "{size}/times/{process}.json"),
    output:
        numbers="<results>/numbers/scale.parquet",
        manifest="<results>/numbers/scale.manifest.json",
    log:
        "<results>/logs/scale/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_scale"),
    shell:
        "python -m crossmodal.experiments.scale.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_scale:
    input:
        numbers="<results>/numbers/scale.parquet",
    output:
        section="<results>/sections/scale.json",
        figures="<results>/figures/scale.csv",
        manifest="<results>/sections/scale.manifest.json",
    log:
        "<results>/logs/scale/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_scale"),
    shell:
        "python -m crossmodal.experiments.scale.section @{params.arguments:q} > {log:q} 2>&1"
