MEASURED = STUDY.peft.encoders.cells


wildcard_constraints:
    process=r"\d+",


rule measure_encoders:
    input:
        configs=[
            f"<results>/models/{STUDY.model_of(cell)}/open_clip_config.json"
            for cell in MEASURED
        ],
        weights=[
            f"<results>/models/{STUDY.model_of(cell)}/open_clip_model.safetensors"
            for cell in MEASURED
        ],
        towers=list(
            dict.fromkeys(
                file for cell in MEASURED for file in tower_files(STUDY.model_of(cell))
            )
        ),
        adapter_configs=[
            adapter(cell, STUDY.seeds_of(cell)[0], "adapter_config.json")
            for cell in MEASURED
        ],
        adapter_weights=[
            adapter(cell, STUDY.seeds_of(cell)[0], "adapter_model.safetensors")
            for cell in MEASURED
        ],
    output:
        latency="<results>/evaluation/encoders/{process}/latency.json",
        manifest="<results>/evaluation/encoders/{process}/manifest.json",
    log:
        "<results>/logs/peft/encoders/{process}.log",
    conda:
        ENVIRONMENT
    # It is timed, so nothing may run beside it; the job itself uses the threads of its spec.
    threads: lambda wildcards: workflow.cores or 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("measure_encoders"),
    shell:
        "python -m crossmodal.experiments.peft.measure_encoders @{params.arguments:q} > {log:q} 2>&1"


rule number_peft:
    input:
        queries=clean_queries(),
        cards=cards(),
        encoders=(
            expand(
                rules.measure_encoders.output.latency,
                process=range(STUDY.peft.encoders.processes),
            )
            if MEASURED
            else []
        ),
        groups=group_files(),
    output:
        numbers="<results>/numbers/peft.parquet",
        manifest="<results>/numbers/peft.manifest.json",
    log:
        "<results>/logs/peft/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_peft"),
    shell:
        "python -m crossmodal.experiments.peft.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_peft:
    input:
        cells="<results>/numbers/cells.parquet",
        numbers="<results>/numbers/peft.parquet",
    output:
        section="<results>/sections/peft.json",
        manifest="<results>/sections/peft.manifest.json",
    log:
        "<results>/logs/peft/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_peft"),
    shell:
        "python -m crossmodal.experiments.peft.section @{params.arguments:q} > {log:q} 2>&1"
