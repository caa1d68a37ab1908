"""The spec of each job: everything that its result depends on, as one canonical JSON string.

A spec holds the resolved parameters of that job only, its seed and thread count, the fingerprint of the
code that it runs and the versions of the packages which that code imports. It never holds the commit, the
time or anything of the machine. Two jobs with equal specs and inputs write equal bytes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from crossmodal import registry
from crossmodal.parameters import Parameters
from crossmodal.provenance.closure import closure, resource_digests, versions
from crossmodal.study.study import Study


@dataclass(frozen=True)
class Job:
    """What a job depends on besides its input files."""

    parameters: dict[str, Any]
    seed: int = 0
    threads: int = 1
    modules: tuple[str, ...] = ()
    """Modules that the parameters name (a method, an attack, an index): further roots of its code."""
    entry: str = ""
    """Its module in crossmodal.jobs, where that is not called like the rule."""
    resources: tuple[Path, ...] = ()
    """Files that the code reads as if they were code: templates, model configurations."""


def spec(study: Study, rule: str, **wildcards: Any) -> str:
    """Return the spec of the job of `rule` with `wildcards`, as sorted JSON without spaces."""
    job = JOBS[rule](study, **wildcards)
    if rule in BUILD_MODEL:
        job = _with_text_tower(study, job)
    code, environment = _fingerprint(
        (f"crossmodal.jobs.{job.entry or rule}", "crossmodal.determinism", *job.modules)
    )
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


def _plain(params: Parameters) -> dict[str, Any]:
    return params.model_dump(mode="json")


def _module(package: str, params: Any) -> str:
    return registry.module_name(package, params.kind)


def _study(study: Study) -> Job:
    return Job({"study": study.model_dump(mode="json", exclude={"compute"})})


def _package(study: Study, package: str) -> Job:
    pins = {p.file_name: p for name in study.used_datasets() for p in study.datasets[name].packages()}
    pin = pins[package]
    return Job({"name": pin.name, "version": pin.version, "sha512": pin.sha512})


def _dataset(study: Study, dataset: str) -> Job:
    params = study.datasets[dataset]
    return Job({"dataset": _plain(params)}, modules=(_module("data", params),))


def _shift(study: Study, dataset: str, split: str, shift: str) -> Job:
    params = study.shifts[shift]
    return Job({"shift": _plain(params)}, modules=(_module("shifts", params),))


def _with_text_tower(study: Study, job: Job) -> Job:
    """Return a job that builds the model with what a text tower of Hugging Face's adds to it, if there is one.

    That code, and transformers with it, is loaded by name, so it is named here; a tower that is a folder here
    is known by its files.
    """
    text = study.pretraining.model.model_cfg()["text_cfg"]
    names = [text[key] for key in ("hf_model_name", "hf_tokenizer_name") if text.get(key)]
    if not names:
        return job
    files = {path for name in names for path in Path(name).glob("*") if path.is_file()}
    modules = (*job.modules, "crossmodal.models.hugging_face")
    return replace(job, modules=modules, resources=(*job.resources, *sorted(files)))


def _base(study: Study) -> Job:
    pretraining = study.pretraining
    training = pretraining.training
    return Job(
        {"model": _plain(pretraining.model), "training": _plain(training) if training else None},
        seed=pretraining.seed,
        threads=training.threads if training else 1,
        modules=(_module("models", pretraining.model),),
    )


def _adaptation(study: Study, cell: str, seed: str) -> Job:
    params = study.adaptation.cells[cell]
    adversary = params.adversary
    # Training imports the inner problem only where there is an adversary.
    inner = adversary.modules() if adversary else []
    return Job(
        {
            "method": _plain(params.method),
            "training": _plain(params.training),
            "adversary": _plain(adversary) if adversary else None,
        },
        seed=int(seed),
        threads=params.training.threads,
        modules=(_method_of(study, cell), *inner),
    )


def _method_of(study: Study, cell: str) -> str:
    return _module("adaptation", study.adaptation.cells[cell].method)


def _merging(study: Study, cell: str, seed: str) -> Job:
    return Job({}, seed=int(seed), modules=(_method_of(study, cell),))


def _embedding(study: Study, cell: str, seed: str) -> Job:
    method = _method_of(study, cell)
    return Job(_plain(study.embeddings), seed=int(seed), modules=(method,), entry="embed_sets")


def _index(study: Study, cell: str, seed: str, index: str, split: str) -> Job:
    params = study.search.indexes[index]
    return Job({"index": _plain(params)}, seed=int(seed), modules=(_module("search", params),))


def _reranker(study: Study, cell: str, seed: str, index: str) -> Job:
    params = study.search.indexes[index]
    return Job(
        {"index": _plain(params), "reranker": _plain(study.reranking.model)},
        seed=int(seed),
        modules=(_module("search", params),),
    )


def _search(study: Study, cell: str, seed: str, pipeline: str) -> Job:
    params = study.search.indexes[study.index_of(pipeline)]
    reranker = study.reranking.model if study.is_reranked(pipeline) else None
    return Job(
        {
            "index": _plain(params),
            "latency": _plain(study.search.latency),
            "reranker": _plain(reranker) if reranker else None,
            "target": study.adaptation.dataset,
        },
        seed=int(seed),
        modules=(_module("search", params),),
    )


def _encoders(study: Study) -> Job:
    params = study.evaluation.encoders
    modules = dict.fromkeys(_method_of(study, cell) for cell in params.cells)
    return Job(_plain(params), modules=tuple(modules))


def _attacks(study: Study, cell: str, seed: str) -> Job:
    threats = study.evaluation.attacks.model_dump(mode="json", exclude={"cells", "every_seed"})
    attacks = {_module("attacks", threat.attack) for threat in study.evaluation.attacks.threats.values()}
    return Job({"threats": threats}, seed=int(seed), modules=(_method_of(study, cell), *sorted(attacks)))


def _retrieval(study: Study, cell: str, seed: str) -> Job:
    return Job({}, seed=int(seed), entry="evaluate_sets")


def _summary(study: Study) -> Job:
    return Job(
        {
            "statistics": _plain(study.evaluation.statistics),
            "hypotheses": _plain(study.hypotheses),
            "target": study.adaptation.dataset,
            "model": _model_name(study),
            "cells": {name: _cell_facts(study, name) for name in study.adaptation.cells},
            "shifts": {name: _shift_facts(study.shifts[name]) for name in study.evaluation.shifts},
        }
    )


def _cell_facts(study: Study, name: str) -> dict[str, Any]:
    cell = study.adaptation.cells[name]
    return {
        "dataset": study.target_of(name),
        "method": cell.method.kind,
        "adversarial": cell.adversary is not None,
    }


def _shift_facts(shift: Any) -> dict[str, Any]:
    severity = getattr(shift, "severity", None)
    return {"kind": getattr(shift, "name", shift.kind), "severity": severity, "modality": shift.space}


def _model_name(study: Study) -> str:
    model = study.pretraining.model
    return model.architecture if model.kind == "hub" else f"{study.study}-base"


def _report(study: Study) -> Job:
    folder = Path(__file__).parent / "report" / "assets"
    resources = tuple(sorted(p for p in folder.iterdir()))
    parameters = {"study": study.study, "target": study.adaptation.dataset, **_plain(study.report)}
    return Job(parameters, resources=resources)


def _figures(study: Study) -> Job:
    return Job({"target": study.adaptation.dataset})


JOBS: dict[str, Callable[..., Job]] = {
    "record_study": _study,
    "fetch_package": _package,
    "build_dataset": _dataset,
    "shift_dataset": _shift,
    "pretrain_base": _base,
    "adapt_model": _adaptation,
    "merge_model": _merging,
    "embed_clean": _embedding,
    "embed_shifted": _embedding,
    "embed_galleries": _embedding,
    "build_index": _index,
    "train_reranker": _reranker,
    "measure_search": _search,
    "measure_encoders": _encoders,
    "evaluate_attacks": _attacks,
    "evaluate_clean": _retrieval,
    "evaluate_shifted": _retrieval,
    "summarise_numbers": _summary,
    "write_report": _report,
    "tabulate_figures": _figures,
}

BUILD_MODEL = {
    "pretrain_base", "adapt_model", "merge_model", "embed_clean", "embed_shifted", "embed_galleries",
    "measure_encoders", "evaluate_attacks",
}  # fmt: skip
"""Rules whose jobs build the model."""
