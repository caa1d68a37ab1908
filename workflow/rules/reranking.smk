rule train_reranker:
    input:
        index="<results>/search/{cell}/s{seed}/{index}/train/index.faiss",
        gallery=lambda wildcards: gallery(wildcards, "train"),
        queries=lambda wildcards: target_captions(wildcards, "train"),
        validation_index="<results>/search/{cell}/s{seed}/{index}/val/index.faiss",
        validation_gallery=lambda wildcards: gallery(wildcards, "val"),
        validation_queries=lambda wildcards: target_captions(wildcards, "val"),
    output:
        config="<results>/reranking/{cell}/s{seed}/{index}/reranker_config.json",
        weights="<results>/reranking/{cell}/s{seed}/{index}/reranker.safetensors",
        training="<results>/reranking/{cell}/s{seed}/{index}/training.csv",
        manifest="<results>/reranking/{cell}/s{seed}/{index}/manifest.json",
    log:
        "<results>/logs/reranking/{cell}-s{seed}-{index}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(240),
    params:
        spec=spec_of("train_reranker"),
    shell:
        "python -m crossmodal.jobs.train_reranker index={input.index:q} "
        "gallery= {input.gallery:q} queries={input.queries:q} "
        "validation_index={input.validation_index:q} "
        "validation_gallery= {input.validation_gallery:q} "
        "validation_queries={input.validation_queries:q} "
        "config={output.config:q} weights={output.weights:q} training={output.training:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
