rule pretrain_base:
    input:
        train=expand(
            "<data>/datasets/{dataset}/train.parquet",
            dataset=STUDY.pretraining.datasets,
        ),
        validation=expand(
            "<data>/datasets/{dataset}/val.parquet",
            dataset=STUDY.pretraining.validation or [],
        ),
    output:
        config="<results>/pretraining/open_clip_config.json",
        weights="<results>/pretraining/open_clip_model.safetensors",
        training="<results>/pretraining/training.csv",
        manifest="<results>/pretraining/manifest.json",
    log:
        "<results>/logs/pretraining/base.log",
    conda:
        ENVIRONMENT
    threads: threads_of(STUDY.pretraining.training)
    resources:
        mem_mb=scaled(6000, lambda wildcards: processes_of(STUDY.pretraining.training)),
        runtime=scaled(480),
        gpu=gpus_of(STUDY.pretraining.training),
    params:
        spec=spec_of("pretrain_base"),
        launcher=launcher_of(STUDY.pretraining.training),
        checkpoints=f"{CHECKPOINTS}/pretraining",
    shell:
        "python -m {params.launcher}crossmodal.jobs.pretrain_base train= {input.train:q} "
        "validation= {input.validation:q} config={output.config:q} weights={output.weights:q} "
        "training={output.training:q} checkpoints={params.checkpoints:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
