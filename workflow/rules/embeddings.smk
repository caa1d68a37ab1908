rule embed_set:
    input:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        dataset=set_images,
    output:
        images="<results>/embeddings/{cell}/s{seed}/{dataset}/{split}/{variant}/images.parquet",
        captions="<results>/embeddings/{cell}/s{seed}/{dataset}/{split}/{variant}/captions.parquet",
        manifest="<results>/embeddings/{cell}/s{seed}/{dataset}/{split}/{variant}/manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-{dataset}-{split}-{variant}.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        spec=spec_of("embed_set"),
    shell:
        "python -m crossmodal.jobs.embed_set config={input.config:q} weights={input.weights:q} "
        "adapter_config={input.adapter_config:q} adapter={input.adapter:q} "
        "dataset={input.dataset:q} images={output.images:q} captions={output.captions:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
