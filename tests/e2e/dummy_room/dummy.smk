def counts():
    """Return the counts of the cells that are asked for."""
    return [
        f"<results>/dummy/{cell}/s{STUDY.seeds_of(cell)[0]}/count.json"
        for cell in STUDY.dummy.cells
    ]


rule count_queries:
    input:
        queries=query_files(STUDY.target_sets()),
    output:
        counted="<results>/dummy/{cell}/s{seed}/count.json",
        manifest="<results>/dummy/{cell}/s{seed}/manifest.json",
    log:
        "<results>/logs/dummy/{cell}-s{seed}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        arguments=arguments_of("count_queries"),
    shell:
        "python -m crossmodal.experiments.dummy.count_queries @{params.arguments:q} > {log:q} 2>&1"


rule number_dummy:
    input:
        counts=counts(),
    output:
        numbers="<results>/numbers/dummy.parquet",
        manifest="<results>/numbers/dummy.manifest.json",
    log:
        "<results>/logs/dummy/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        arguments=arguments_of("number_dummy"),
    shell:
        "python -m crossmodal.experiments.dummy.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_dummy:
    input:
        numbers="<results>/numbers/dummy.parquet",
    output:
        section="<results>/sections/dummy.json",
        manifest="<results>/sections/dummy.manifest.json",
    log:
        "<results>/logs/dummy/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        arguments=arguments_of("draw_dummy"),
    shell:
        "python -m crossmodal.experiments.dummy.section @{params.arguments:q} > {log:q} 2>&1"
