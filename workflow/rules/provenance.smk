onstart:
    # Not in a dry run, and not where a cluster's node runs one job.
    prepare_folders()
    look_when_a_job_ends()


rule record_study:
    output:
        study="<results>/study.json",
        manifest="<results>/study.manifest.json",
    log:
        "<results>/logs/provenance/study.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        arguments=arguments_of("record_study"),
    shell:
        "python -m crossmodal.jobs.record_study @{params.arguments:q} > {log:q} 2>&1"
