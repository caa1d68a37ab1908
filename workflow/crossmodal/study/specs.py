"""The spec of each job: everything that its result depends on, as one canonical JSON string.

A spec holds the resolved parameters of that job only, its seed and thread count, the fingerprint of the
code that it runs and the versions of the packages which that code imports. It never holds the commit, the
time or anything of the machine. Two jobs with equal specs and inputs write equal bytes.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from crossmodal.jobs.rules import Job, Rule
from crossmodal.provenance.closure import closure, resource_digests, versions
from crossmodal.study import rules
from crossmodal.study.study import Study


def rules_of(study: Study) -> dict[str, Rule]:
    """Return every rule of a study by its name: those of no experiment, and those of its experiments."""
    return _rules(tuple(study.rooms()))


@cache
def _rules(rooms: tuple[str, ...]) -> dict[str, Rule]:
    found = dict(rules.RULES)
    for room in rooms:
        own = rules.room_rules(room)
        if twice := own.keys() & found.keys():
            raise ValueError(f"experiment {room}: its rule {min(twice)} has the name of another one")
        found |= own
    return found


def spec(study: Study, rule: str, **wildcards: Any) -> str:
    """Return the spec of the job of `rule` with `wildcards`, as sorted JSON without spaces."""
    found = rules_of(study)[rule]
    job = found.job(study, **wildcards)
    for model in job.models:
        job = _with_text_tower(study, job, model)
    code, environment = _fingerprint((found.entry, "crossmodal.determinism", *job.modules))
    content = {
        "rule": rule,
        "wildcards": {key: str(value) for key, value in wildcards.items()},
        "parameters": job.parameters,
        "seed": job.seed,
        "threads": job.threads,
        "code": code | resource_digests(job.resources),
        "environment": environment,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@cache
def _fingerprint(roots: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    code, outside = closure(roots)
    return code, versions(outside)


def _with_text_tower(study: Study, job: Job, model: str) -> Job:
    """Return a job that builds `model` with what a text tower of Hugging Face's adds to it, if there is one.

    That code, and transformers with it, is loaded by name, so it is named here; a tower that is a folder here
    is known by its files.
    """
    params = study.models[model]
    text = params.model_cfg()["text_cfg"]
    names = [text[key] for key in ("hf_model_name", "hf_tokenizer_name") if text.get(key)]
    if not names:
        return job
    declared = params.tower_files("")  # of a kind that has them the job's rule names them as inputs
    files = {path for name in names for path in Path(name).rglob("*") if path.is_file() and not declared}
    modules = (*job.modules, "crossmodal.models.hugging_face")
    return replace(job, modules=modules, resources=(*job.resources, *sorted(files)))
