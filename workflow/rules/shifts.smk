# On request of the experiments: which sets are shifted is theirs to say.
rule shift_dataset:
    input:
        images="<data>/datasets/{dataset}/{split}.parquet",
    output:
        shifted="<data>/shifts/{shift}/{dataset}/{split}.parquet",
        manifest="<data>/shifts/{shift}/{dataset}/{split}.manifest.json",
    log:
        "<results>/logs/shifts/{shift}-{dataset}-{split}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("shift_dataset"),
    shell:
        "python -m crossmodal.jobs.shift_dataset @{params.arguments:q} > {log:q} 2>&1"
