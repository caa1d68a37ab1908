rule fetch_package:
    output:
        archive="<data>/sources/{package}",
        manifest="<data>/sources/{package}.manifest.json",
    log:
        "<results>/logs/data/fetch-{package}.log",
    retries: 1
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(10),
    params:
        arguments=arguments_of("fetch_package"),
    shell:
        "python -m crossmodal.jobs.fetch_package @{params.arguments:q} > {log:q} 2>&1"


rule fetch_hub_file:
    output:
        file="<data>/sources/{hub_file}",
        manifest="<data>/sources/{hub_file}.manifest.json",
    log:
        "<results>/logs/data/fetch-{hub_file}.log",
    wildcard_constraints:
        hub_file=r"hub-[0-9a-f]{16}-[^/]+\.(parquet|safetensors)",
    retries: 1
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(240),
    params:
        arguments=arguments_of("fetch_hub_file", parts=f"{CHECKPOINTS}/{{hub_file}}"),
    shell:
        "python -m crossmodal.jobs.fetch_hub_file @{params.arguments:q} > {log:q} 2>&1"


# What comes from the hub has names that packages have not.
ruleorder: fetch_hub_file > fetch_package


rule build_dataset:
    input:
        sources=dataset_sources,
    output:
        train="<data>/datasets/{dataset}/train.parquet",
        val="<data>/datasets/{dataset}/val.parquet",
        test="<data>/datasets/{dataset}/test.parquet",
        rejects="<data>/datasets/{dataset}/rejects.parquet",
        sheet="<data>/datasets/{dataset}/sheet.json",
        sheet_md="<data>/datasets/{dataset}/sheet.md",
        manifest="<data>/datasets/{dataset}/manifest.json",
    log:
        "<results>/logs/data/{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(60),
    params:
        arguments=arguments_of("build_dataset"),
    shell:
        "python -m crossmodal.jobs.build_dataset @{params.arguments:q} > {log:q} 2>&1"
