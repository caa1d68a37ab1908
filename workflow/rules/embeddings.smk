# One job embeds all sets of a kind with one adapted model: loading torch and the model takes longer than
# embedding a small set. The kinds are apart because they change apart.
rule embed_clean:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=set_images("clean"),
    output:
        images=set_embeddings("clean", "images"),
        captions=set_embeddings("clean", "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/clean.manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-clean.log",
    # Before the shifted sets: search waits for these, and timed jobs wait until nothing else runs.
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        spec=spec_of("embed_clean"),
    shell:
        "python -m crossmodal.jobs.embed_sets config={input.config:q} weights={input.weights:q} "
        "adapter_config={input.adapter_config:q} adapter={input.adapter:q} "
        "datasets= {input.datasets:q} images= {output.images:q} captions= {output.captions:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


use rule embed_clean as embed_shifted with:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=set_images("shifted"),
    output:
        images=set_embeddings("shifted", "images"),
        captions=set_embeddings("shifted", "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/shifted.manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-shifted.log",
    priority: 0
    params:
        spec=spec_of("embed_shifted"),


use rule embed_clean as embed_galleries with:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=set_images("galleries"),
    output:
        images=set_embeddings("galleries", "images"),
        captions=set_embeddings("galleries", "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/galleries.manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-galleries.log",
    params:
        spec=spec_of("embed_galleries"),
