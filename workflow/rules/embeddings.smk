# One job embeds all sets of a kind with one adapted model: loading torch and the model takes longer than
# embedding a small set. The kinds are apart because they change apart: the experiments add theirs.
rule embed_target:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=image_files(STUDY.target_sets()),
        known=[],
        known_captions=[],
    output:
        images=embedding_files(STUDY.target_sets(), "images"),
        captions=embedding_files(STUDY.target_sets(), "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/target.manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-target.log",
    # Before all other sets: search waits for these, and timed jobs wait until nothing else runs.
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("embed_target"),
    shell:
        "python -m crossmodal.jobs.embed_sets @{params.arguments:q} > {log:q} 2>&1"


use rule embed_target as embed_domains with:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        datasets=image_files(STUDY.domain_sets()),
        # Most captions are the target's: the same things in the same words.
        known=image_files(STUDY.target_sets()),
        known_captions=embedding_files(STUDY.target_sets(), "captions"),
    output:
        images=embedding_files(STUDY.domain_sets(), "images"),
        captions=embedding_files(STUDY.domain_sets(), "captions"),
        manifest="<results>/embeddings/{cell}/s{seed}/domains.manifest.json",
    log:
        "<results>/logs/embeddings/{cell}-s{seed}-domains.log",
    priority: 0
    params:
        arguments=arguments_of("embed_domains"),
