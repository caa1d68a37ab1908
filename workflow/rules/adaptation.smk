rule adapt_model:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        train=cell_split("train"),
        validation=cell_split("val"),
    output:
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
        card="<results>/adaptation/{cell}/s{seed}/card.json",
        training="<results>/adaptation/{cell}/s{seed}/training.csv",
        manifest="<results>/adaptation/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/adaptation/{cell}-s{seed}.log",
    # The longest jobs start first, so that the short ones fill what they leave.
    priority: 10
    conda:
        ENVIRONMENT
    threads: of_cell(threads_of)
    resources:
        mem_mb=scaled(4000, of_cell(processes_of)),
        runtime=scaled(480),
        gpu=of_cell(gpus_of),
    params:
        arguments=arguments_of(
            "adapt_model", checkpoints=f"{CHECKPOINTS}/adaptation-{{cell}}-s{{seed}}"
        ),
        launcher=of_cell(launcher_of),
    shell:
        "python -m {params.launcher}crossmodal.jobs.adapt_model @{params.arguments:q} > {log:q} 2>&1"


# On request only: a plain open_clip model of a cell, for use outside the study.
rule merge_model:
    input:
        config=model_file("open_clip_config.json"),
        weights=model_file("open_clip_model.safetensors"),
        tower=tower_of,
        adapter_config="<results>/adaptation/{cell}/s{seed}/adapter_config.json",
        adapter="<results>/adaptation/{cell}/s{seed}/adapter_model.safetensors",
    output:
        merged_config="<results>/merged/{cell}/s{seed}/open_clip_config.json",
        merged="<results>/merged/{cell}/s{seed}/open_clip_model.safetensors",
        manifest="<results>/merged/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/adaptation/merge-{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(20),
    params:
        arguments=arguments_of("merge_model"),
    shell:
        "python -m crossmodal.jobs.merge_model @{params.arguments:q} > {log:q} 2>&1"
