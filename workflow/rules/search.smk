rule build_index:
    input:
        gallery=gallery,
    output:
        index="<results>/search/{cell}/s{seed}/{index}/{split}/index.faiss",
        card="<results>/search/{cell}/s{seed}/{index}/{split}/card.json",
        manifest="<results>/search/{cell}/s{seed}/{index}/{split}/manifest.json",
    log:
        "<results>/logs/search/{cell}-s{seed}-{index}-{split}.log",
    priority: 5
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    params:
        spec=spec_of("build_index"),
    shell:
        "python -m crossmodal.jobs.build_index gallery= {input.gallery:q} "
        "index={output.index:q} card={output.card:q} "
        "manifest={output.manifest:q} spec={params.spec:q} > {log:q} 2>&1"
