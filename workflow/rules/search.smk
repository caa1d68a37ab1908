from crossmodal.experiments.search.jobs import gallery, gallery_sets, search_runs
from crossmodal.experiments.search.params import RERANK, index_of, stage_of

GALLERIES = gallery_sets(STUDY)


# The image embeddings of a gallery, the target's own first; the embeddings of the target's captions of a split.
gallery_images = lambda wildcards, split=None: embedding_files(
    gallery(STUDY, split or wildcards.split), "images", wildcards.cell, wildcards.seed
)
gallery_captions = lambda wildcards, split: embedding_files(
    gallery(STUDY, split)[:1], "captions", wildcards.cell, wildcards.seed
)
# A file of the test gallery's index; configuration and weights of the re-ranker, nothing for a pipeline without one.
index_file = lambda name: (
    lambda wildcards: f"<results>/search/{wildcards.cell}/s{wildcards.seed}/"
    f"{index_of(wildcards.pipeline)}/test/{name}"
)
reranker_files = lambda wildcards: [
    f"<results>/reranking/{wildcards.cell}/s{wildcards.seed}/{index_of(wildcards.pipeline)}/{name}"
    for name in ("reranker_config.json", "reranker.safetensors")
    if stage_of(wildcards.pipeline) == RERANK
]
# The file of that name of every measured way to search.
searches = lambda name: [
    f"<results>/evaluation/search/{cell}/s{seed}/{pipeline}/{name}"
    for cell, seed in search_runs(STUDY)
    for pipeline in STUDY.search.pipelines()
]


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


rule build_index:
    input:
        gallery=gallery_images,
    output:
        index="<results>/search/{cell}/s{seed}/{index}/{split}/index.faiss",
        card="<results>/search/{cell}/s{seed}/{index}/{split}/card.json",
        manifest="<results>/search/{cell}/s{seed}/{index}/{split}/manifest.json",
    log:
        "<results>/logs/search/{cell}-s{seed}-{index}-{split}.log",
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
        index="<results>/search/{cell}/s{seed}/{index}/train/index.faiss",
        gallery=lambda wildcards: gallery_images(wildcards, "train"),
        queries=lambda wildcards: gallery_captions(wildcards, "train"),
        validation_index="<results>/search/{cell}/s{seed}/{index}/val/index.faiss",
        validation_gallery=lambda wildcards: gallery_images(wildcards, "val"),
        validation_queries=lambda wildcards: gallery_captions(wildcards, "val"),
    output:
        config="<results>/reranking/{cell}/s{seed}/{index}/reranker_config.json",
        weights="<results>/reranking/{cell}/s{seed}/{index}/reranker.safetensors",
        training="<results>/reranking/{cell}/s{seed}/{index}/training.csv",
        manifest="<results>/reranking/{cell}/s{seed}/{index}/manifest.json",
    log:
        "<results>/logs/search/rerank-{cell}-s{seed}-{index}.log",
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


rule measure_search:
    input:
        index=index_file("index.faiss"),
        card=index_file("card.json"),
        gallery=lambda wildcards: gallery_images(wildcards, "test"),
        queries=lambda wildcards: gallery_captions(wildcards, "test"),
        reranker=reranker_files,
    output:
        measured="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/search.json",
        results="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/queries.parquet",
        manifest="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/manifest.json",
    log:
        "<results>/logs/search/measure-{cell}-s{seed}-{pipeline}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("measure_search"),
    shell:
        "python -m crossmodal.experiments.search.measure_search @{params.arguments:q} > {log:q} 2>&1"


rule number_search:
    input:
        searches=searches("search.json"),
        searched=searches("queries.parquet"),
    output:
        numbers="<results>/numbers/search.parquet",
        manifest="<results>/numbers/search.manifest.json",
    log:
        "<results>/logs/search/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
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
