rule join_numbers:
    input:
        numbers=expand(
            "<results>/numbers/{room}.parquet", room=["cells", *STUDY.rooms()]
        ),
    output:
        metrics="<results>/metrics.parquet",
        hypotheses="<results>/hypotheses.json",
        clip_benchmark="<results>/clip_benchmark.json",
        figures="<results>/figures/headline.json",
        accuracy="<results>/figures/accuracy-parameters.csv",
        manifest="<results>/metrics.manifest.json",
    log:
        "<results>/logs/report/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("join_numbers"),
    shell:
        "python -m crossmodal.jobs.join_numbers @{params.arguments:q} > {log:q} 2>&1"


rule write_report:
    input:
        study="<results>/study.json",
        metrics="<results>/metrics.parquet",
        hypotheses="<results>/hypotheses.json",
        metrics_manifest="<results>/metrics.manifest.json",
        sections=expand("<results>/sections/{room}.json", room=STUDY.rooms()),
        sheets=expand(
            "<data>/datasets/{dataset}/sheet.json", dataset=STUDY.used_datasets()
        ),
        images=f"<data>/datasets/{TARGET}/test.parquet",
        queries=query_files(
            STUDY.target_sets(),
            STUDY.report.gallery_cell,
            STUDY.seeds_of(STUDY.report.gallery_cell)[0],
        ),
    output:
        page=report(
            "<results>/report/index.html",
            caption="../../docs/captions/report.rst",
            category="Study",
        ),
        manifest="<results>/report/manifest.json",
    log:
        "<results>/logs/report/page.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("write_report"),
    shell:
        "python -m crossmodal.jobs.write_report @{params.arguments:q} > {log:q} 2>&1"
