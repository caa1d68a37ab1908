rule evaluate_clean:
    input:
        images=set_embeddings("clean", "images"),
        captions=set_embeddings("clean", "captions"),
    output:
        queries=set_queries("clean"),
        manifest="<results>/evaluation/retrieval/{cell}/s{seed}/clean.manifest.json",
    log:
        "<results>/logs/evaluation/{cell}-s{seed}-clean.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        spec=spec_of("evaluate_clean"),
    shell:
        "python -m crossmodal.jobs.evaluate_sets images= {input.images:q} "
        "captions= {input.captions:q} queries= {output.queries:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


use rule evaluate_clean as evaluate_shifted with:
    input:
        images=set_embeddings("shifted", "images"),
        captions=set_embeddings("shifted", "captions"),
    output:
        queries=set_queries("shifted"),
        manifest="<results>/evaluation/retrieval/{cell}/s{seed}/shifted.manifest.json",
    log:
        "<results>/logs/evaluation/{cell}-s{seed}-shifted.log",
    params:
        spec=spec_of("evaluate_shifted"),


rule evaluate_attacks:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        images=f"<data>/datasets/{TARGET}/test.parquet",
    output:
        queries=[
            attacked_file("{cell}", "{seed}", name) for name in STUDY.attacked_sets()
        ],
        sanity="<results>/evaluation/attacks/{cell}/s{seed}/sanity.json",
        manifest="<results>/evaluation/attacks/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/evaluation/attacks-{cell}-s{seed}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
        gpu=STUDY.compute.gpus_per_job,
    params:
        spec=spec_of("evaluate_attacks"),
    shell:
        "python -m crossmodal.jobs.evaluate_attacks config={input.config:q} "
        "weights={input.weights:q} adapter_config={input.adapter_config:q} "
        "adapter={input.adapter:q} images={input.images:q} queries= {output.queries:q} "
        "sanity={output.sanity:q} manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


rule measure_search:
    input:
        index=index_file("index.faiss"),
        card=index_file("card.json"),
        gallery=lambda wildcards: gallery(wildcards, "test"),
        queries=lambda wildcards: target_captions(wildcards, "test"),
        reranker=reranker_files,
    output:
        measured="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/search.json",
        results="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/queries.parquet",
        manifest="<results>/evaluation/search/{cell}/s{seed}/{pipeline}/manifest.json",
    log:
        "<results>/logs/evaluation/search-{cell}-s{seed}-{pipeline}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        spec=spec_of("measure_search"),
    shell:
        "python -m crossmodal.jobs.measure_search index={input.index:q} card={input.card:q} "
        "gallery= {input.gallery:q} queries={input.queries:q} reranker= {input.reranker:q} "
        "measured={output.measured:q} results={output.results:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


rule measure_encoders:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_configs=[
            adapter(cell, STUDY.seeds_of(cell)[0], "adapter_config.json")
            for cell in STUDY.evaluation.encoders.cells
        ],
        adapters=[
            adapter(cell, STUDY.seeds_of(cell)[0], "adapter_model.safetensors")
            for cell in STUDY.evaluation.encoders.cells
        ],
    output:
        latency="<results>/evaluation/encoders/latency.json",
        manifest="<results>/evaluation/encoders/manifest.json",
    log:
        "<results>/logs/evaluation/encoders.log",
    conda:
        ENVIRONMENT
    # Timed: see measure_search.
    threads: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        spec=spec_of("measure_encoders"),
    shell:
        "python -m crossmodal.jobs.measure_encoders config={input.config:q} "
        "weights={input.weights:q} adapter_configs= {input.adapter_configs:q} "
        "adapter_weights= {input.adapters:q} latency={output.latency:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


rule summarise_numbers:
    input:
        queries=queries(),
        cards=[adapter(cell, seed, "card.json") for cell, seed in STUDY.runs()],
        searches=searches("search.json"),
        searched=searches("queries.parquet"),
        attacked=[
            attacked_file(cell, seed, name)
            for cell, seed in STUDY.attacked_runs()
            for name in STUDY.attacked_sets()
        ],
        sanity=sanity_files(),
        encoders=(
            "<results>/evaluation/encoders/latency.json"
            if STUDY.evaluation.encoders.cells
            else []
        ),
    output:
        metrics="<results>/metrics.parquet",
        hypotheses="<results>/hypotheses.json",
        clip_benchmark="<results>/clip_benchmark.json",
        manifest="<results>/metrics.manifest.json",
    log:
        "<results>/logs/evaluation/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        spec=spec_of("summarise_numbers"),
    shell:
        "python -m crossmodal.jobs.summarise_numbers queries= {input.queries:q} "
        "cards= {input.cards:q} searches= {input.searches:q} searched= {input.searched:q} "
        "encoders= {input.encoders:q} attacked= {input.attacked:q} sanity= {input.sanity:q} "
        "metrics={output.metrics:q} "
        "hypotheses={output.hypotheses:q} clip_benchmark={output.clip_benchmark:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
