from crossmodal.experiments.probes.jobs import known_sets


rule evaluate_probe:
    input:
        known=lambda wildcards: image_files(known_sets(STUDY, wildcards.probe)),
        test="<data>/datasets/{dataset}/test.parquet",
    output:
        queries="<results>/evaluation/probes/{probe}/s0/{dataset}/test/clean/queries.parquet",
        manifest="<results>/evaluation/probes/{probe}/{dataset}.manifest.json",
    log:
        "<results>/logs/probes/evaluate-{probe}-{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(20),
    params:
        arguments=arguments_of("evaluate_probe"),
    shell:
        "python -m crossmodal.experiments.probes.evaluate_probe @{params.arguments:q} > {log:q} 2>&1"


rule number_probes:
    input:
        queries=[
            file
            for probe in STUDY.probes.probes
            for file in query_files(STUDY.target_sets(), probe, 0, "probes")
        ],
        groups=group_files(),
    output:
        numbers="<results>/numbers/probes.parquet",
        manifest="<results>/numbers/probes.manifest.json",
    log:
        "<results>/logs/probes/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("number_probes"),
    shell:
        "python -m crossmodal.experiments.probes.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_probes:
    input:
        cells="<results>/numbers/cells.parquet",
        numbers="<results>/numbers/probes.parquet",
    output:
        section="<results>/sections/probes.json",
        manifest="<results>/sections/probes.manifest.json",
    log:
        "<results>/logs/probes/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_probes"),
    shell:
        "python -m crossmodal.experiments.probes.section @{params.arguments:q} > {log:q} 2>&1"
