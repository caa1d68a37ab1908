rule write_report:
    input:
        study="<results>/study.json",
        metrics="<results>/metrics.parquet",
        hypotheses="<results>/hypotheses.json",
        metrics_manifest="<results>/metrics.manifest.json",
        sheets=expand(
            "<data>/datasets/{dataset}/sheet.json", dataset=STUDY.used_datasets()
        ),
        images=f"<data>/datasets/{TARGET}/test.parquet",
        queries="<results>/evaluation/retrieval/{cell}/s{seed}/{target}/test/clean/queries.parquet".format(
            cell=STUDY.report.gallery_cell,
            seed=STUDY.seeds_of(STUDY.report.gallery_cell)[0],
            target=TARGET,
        ),
        sanity=sanity_files(),
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
        spec=spec_of("write_report"),
    shell:
        "python -m crossmodal.jobs.write_report study={input.study:q} metrics={input.metrics:q} "
        "hypotheses={input.hypotheses:q} metrics_manifest={input.metrics_manifest:q} "
        "sheets= {input.sheets:q} images={input.images:q} "
        "queries={input.queries:q} sanity= {input.sanity:q} page={output.page:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"


rule tabulate_figures:
    input:
        metrics="<results>/metrics.parquet",
        hypotheses="<results>/hypotheses.json",
    output:
        figures="<results>/figures/headline.json",
        accuracy="<results>/figures/accuracy-parameters.csv",
        degradation="<results>/figures/degradation.csv",
        search="<results>/figures/recall-latency.csv",
        manifest="<results>/figures/manifest.json",
    log:
        "<results>/logs/report/figures.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        spec=spec_of("tabulate_figures"),
    shell:
        "python -m crossmodal.jobs.tabulate_figures metrics={input.metrics:q} "
        "hypotheses={input.hypotheses:q} figures={output.figures:q} accuracy={output.accuracy:q} "
        "degradation={output.degradation:q} search={output.search:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
