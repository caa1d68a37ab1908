rule evaluate_target:
    input:
        images=embedding_files(STUDY.target_sets(), "images"),
        captions=embedding_files(STUDY.target_sets(), "captions"),
    output:
        queries=query_files(STUDY.target_sets()),
        manifest="<results>/evaluation/retrieval/{cell}/s{seed}/target.manifest.json",
    log:
        "<results>/logs/evaluation/{cell}-s{seed}-target.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        arguments=arguments_of("evaluate_target"),
    shell:
        "python -m crossmodal.jobs.evaluate_sets @{params.arguments:q} > {log:q} 2>&1"


use rule evaluate_target as evaluate_domains with:
    input:
        images=embedding_files(STUDY.domain_sets(), "images"),
        captions=embedding_files(STUDY.domain_sets(), "captions"),
    output:
        queries=query_files(STUDY.domain_sets()),
        manifest="<results>/evaluation/retrieval/{cell}/s{seed}/domains.manifest.json",
    log:
        "<results>/logs/evaluation/{cell}-s{seed}-domains.log",
    params:
        arguments=arguments_of("evaluate_domains"),


rule number_cells:
    input:
        queries=clean_queries(),
        cards=cards(),
        groups=group_files(),
    output:
        numbers="<results>/numbers/cells.parquet",
        manifest="<results>/numbers/cells.manifest.json",
    log:
        "<results>/logs/evaluation/cells.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_cells"),
    shell:
        "python -m crossmodal.jobs.number_cells @{params.arguments:q} > {log:q} 2>&1"
