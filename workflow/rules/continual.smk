from crossmodal.experiments.continual.jobs import (
    PLANS,
    asked_sets,
    cell_model,
    other_sets,
    runs,
    searched_models,
    searched_runs,
    sessions_before,
)

CONTINUAL = STUDY.continual
LEARNT = CONTINUAL.dataset
LEARNING = list(runs(STUDY))
SEARCHED = searched_models(STUDY)
SESSION = "<results>/continual/{cell}/{plan}/o{order}/{session}"
ANSWERS = "<results>/evaluation/continual/cells/{cell}/{plan}/o{order}"
BEFORE = "<results>/evaluation/continual/models/{model}"


wildcard_constraints:
    order=r"\d+",
    session=r"\d+",
    plan=any_of(PLANS),


# Of a cell of this experiment: files of the base model that it updates, and that of its text tower.
base_file = lambda name: (
    lambda wildcards: f"<results>/models/{cell_model(STUDY, wildcards.cell)}/{name}"
)
base_tower = lambda wildcards: tower_files(cell_model(STUDY, wildcards.cell))
# The weights that sessions left, of a run.
states_after = lambda wildcards, sessions: [
    f"{SESSION}.safetensors".format(**{**dict(wildcards.items()), "session": session})
    for session in sessions
]
session_before = lambda wildcards: states_after(
    wildcards, sessions_before(STUDY, wildcards.plan, wildcards.session)
)
states = lambda wildcards: states_after(wildcards, CONTINUAL.plans()[wildcards.plan])
# The captions as the base model has them, where the text tower stays.
known_captions = lambda wildcards: [
    f"{BEFORE}/captions.parquet".format(model=cell_model(STUDY, wildcards.cell))
    for _ in [0]
    if CONTINUAL.cells[wildcards.cell].tower == "image"
]


rule learn_session:
    input:
        config=base_file("open_clip_config.json"),
        weights=base_file("open_clip_model.safetensors"),
        tower=base_tower,
        train=f"<data>/datasets/{LEARNT}/train.parquet",
        before=session_before,
    output:
        state=f"{SESSION}.safetensors",
        card=f"{SESSION}.json",
        manifest=f"{SESSION}.manifest.json",
    log:
        "<results>/logs/continual/{cell}-{plan}-o{order}-{session}.log",
    conda:
        ENVIRONMENT
    threads: lambda wildcards: CONTINUAL.cells[wildcards.cell].training.threads
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("learn_session"),
    shell:
        "python -m crossmodal.experiments.continual.learn_session @{params.arguments:q} > {log:q} 2>&1"


rule evaluate_sessions:
    input:
        config=base_file("open_clip_config.json"),
        weights=base_file("open_clip_model.safetensors"),
        tower=base_tower,
        train=f"<data>/datasets/{LEARNT}/train.parquet",
        sets=image_files(asked_sets(STUDY)),
        others=lambda wildcards: image_files(other_sets(STUDY, wildcards.plan)),
        states=states,
    output:
        answers=f"{ANSWERS}/answers.parquet",
        manifest=f"{ANSWERS}/manifest.json",
    log:
        "<results>/logs/continual/{cell}-{plan}-o{order}-evaluation.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("evaluate_sessions"),
    shell:
        "python -m crossmodal.experiments.continual.evaluate_sessions @{params.arguments:q} > {log:q} 2>&1"


rule search_base:
    input:
        config="<results>/models/{model}/open_clip_config.json",
        weights="<results>/models/{model}/open_clip_model.safetensors",
        tower=lambda wildcards: tower_files(wildcards.model),
        state=[],
        known=[],
        target=image_files(STUDY.target_sets()),
    output:
        captions=f"{BEFORE}/captions.parquet",
        queries=f"{BEFORE}/queries.parquet",
        manifest=f"{BEFORE}/manifest.json",
    log:
        "<results>/logs/continual/search-{model}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
        gpu=STUDY.compute.gpus_per_job,
    params:
        arguments=arguments_of("search_base"),
    shell:
        "python -m crossmodal.experiments.continual.search_target @{params.arguments:q} > {log:q} 2>&1"


use rule search_base as search_after with:
    input:
        config=base_file("open_clip_config.json"),
        weights=base_file("open_clip_model.safetensors"),
        tower=base_tower,
        state="<results>/continual/{cell}/continual/o{order}/%d.safetensors"
        % CONTINUAL.count(),
        known=known_captions,
        target=image_files(STUDY.target_sets()),
    output:
        captions=[],
        queries="<results>/evaluation/continual/searches/{cell}/o{order}/queries.parquet",
        manifest="<results>/evaluation/continual/searches/{cell}/o{order}/manifest.json",
    log:
        "<results>/logs/continual/search-{cell}-o{order}.log",
    params:
        arguments=arguments_of("search_after"),


rule number_continual:
    input:
        answers=[
            f"{ANSWERS}/answers.parquet".format(cell=cell, plan=plan, order=order)
            for cell, plan, order in LEARNING
        ],
        searches=[
            f"<results>/evaluation/continual/searches/{cell}/o{order}/queries.parquet"
            for cell, order in searched_runs(STUDY)
        ],
        before=[f"{BEFORE}/queries.parquet".format(model=model) for model in SEARCHED],
        cards=[
            f"{SESSION}.json".format(
                cell=cell, plan=plan, order=order, session=session
            )
            for cell, plan, order in LEARNING
            for session in CONTINUAL.plans()[plan]
        ],
    output:
        numbers="<results>/numbers/continual.parquet",
        manifest="<results>/numbers/continual.manifest.json",
    log:
        "<results>/logs/continual/numbers.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        arguments=arguments_of("number_continual"),
    shell:
        "python -m crossmodal.experiments.continual.numbers @{params.arguments:q} > {log:q} 2>&1"


rule draw_continual:
    input:
        numbers="<results>/numbers/continual.parquet",
    output:
        section="<results>/sections/continual.json",
        manifest="<results>/sections/continual.manifest.json",
    log:
        "<results>/logs/continual/section.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    params:
        arguments=arguments_of("draw_continual"),
    shell:
        "python -m crossmodal.experiments.continual.section @{params.arguments:q} > {log:q} 2>&1"
