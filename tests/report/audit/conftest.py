"""Audits to draw: one made up small enough to reason about, with findings and hostile texts."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crossmodal.provenance.audit import SEVERITY, Verdict

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"> <!-- {{ 7 * 7 }} & 'quotes'"
NUMBERS, SUMMARY = "number_peft", "join_numbers"


def job(
    rule: str, parents: Sequence[str] = (), inputs: Sequence[str] = (), **wildcards: str
) -> dict[str, Any]:
    """Return a verified job that writes one file, in the form of account.job_account."""
    path = "/".join(["results", rule, *wildcards.values(), "out.parquet"])
    return {
        "rule": rule,
        "wildcards": wildcards,
        "verdict": "verified",
        "findings": [],
        "parents": list(parents),
        "manifest": f"{path}.manifest.json",
        "parameters": {"method": {"kind": rule, "note": HOSTILE}, "rates": [0.1, 0.2]},
        "seed": 3,
        "threads": 1,
        "code": {"digest": "0123456789ab", "modules": {f"crossmodal.jobs.{rule}": "aaaa00000000"}},
        "environment": {"numpy": "2.4.6", "python": "3.11.7"},
        "platform": "Linux",
        "device": "cpu",
        "started": "2026-02-03T14:07:09.123+00:00",
        "seconds": 612.4,
        "peak_memory_bytes": 139821056,
        "commit": "8bbb24a22b3e1610d8050ca69710a077c6fd8722",
        "dirty": False,
        "inputs": [{"path": name, "md5": digest(name), "bytes": 1234} for name in inputs],
        "outputs": [{"path": path, "md5": digest(path), "bytes": 1234, "found": digest(path)}],
    }


def digest(path: str) -> str:
    """Return something that looks like the md5 of a file."""
    return f"{sum(map(ord, path)):032x}"


def study_audit(seeds: int = 2, shifts: int = 1) -> dict[str, Any]:
    """Return an audit of a study: a dataset, a base model, then for each seed a model that is evaluated.

    One job computes the numbers of an experiment and another joins them with all others.
    """
    jobs: dict[str, dict[str, Any]] = {}

    def add(rule: str, parents: Sequence[str] = (), **wildcards: str) -> str:
        name = " ".join([rule, *(f"{key}={value}" for key, value in wildcards.items())])
        read = [entry["path"] for parent in parents for entry in jobs[parent]["outputs"]]
        jobs[name] = job(rule, parents, read, **wildcards)
        return name

    data = add("build_dataset", dataset="openmoji")
    base = add("build_model", [data], model="base")
    evaluated: dict[str, list[str]] = {}
    for seed in map(str, range(seeds)):
        model = add("adapt_model", [data, base], cell="lora-r8", seed=seed)
        evaluated[seed] = [
            add("evaluate_shifted", [model, data], cell="lora-r8", seed=seed, variant=f"shift-{i}")
            for i in range(shifts)
        ]
    everything = [name for names in evaluated.values() for name in names]
    add(SUMMARY, [add(NUMBERS, everything)])
    rows = {f"s{seed}": names for seed, names in evaluated.items()} | {"s*": everything}
    numbers = [number(f"peft/lora-r8/{seed}/{HOSTILE}/recall@1", names, jobs) for seed, names in rows.items()]
    return conclude({"study": "made-up", "numbers": numbers, "jobs": jobs})


def number(number_id: str, sources: Sequence[str], jobs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a number that was computed from what `sources` wrote."""
    above: dict[str, None] = {}

    def visit(name: str) -> None:
        for parent in jobs[name]["parents"]:
            visit(parent)
        above[name] = None

    for name in sources:
        visit(name)
    value = {"value": 0.11849, "ci_low": 0.1061, "ci_high": 0.1302, "n_queries": 2850, "unit": "fraction"}
    chain = {"sources": list(sources), "computed": NUMBERS, "table": SUMMARY}
    chain["jobs"] = [*above, NUMBERS, SUMMARY]
    return {"number_id": number_id, **value, **chain}


def spoilt(audited: dict[str, Any], name: str, verdict: str, detail: str) -> dict[str, Any]:
    """Give the job of a name a finding, in place, and return the audit with its verdicts taken anew."""
    found = audited["jobs"][name]
    found["findings"] = [*found["findings"], {"verdict": verdict, "detail": detail}]
    if verdict == "tampered":
        found["outputs"][0]["found"] = "f" * 32
    return conclude(audited)


def conclude(audited: dict[str, Any]) -> dict[str, Any]:
    """Return the audit with the verdicts that follow from the findings of its jobs, in place."""

    def worst(verdicts: Sequence[str]) -> str:
        return str(max(map(Verdict, verdicts), key=SEVERITY.__getitem__, default=Verdict.VERIFIED))

    jobs = audited["jobs"]
    for entry in jobs.values():
        entry["verdict"] = worst([finding["verdict"] for finding in entry["findings"]])
    for row in audited["numbers"]:
        row["verdict"] = worst([jobs[name]["verdict"] for name in row["jobs"]])
    audited["verdict"] = worst([entry["verdict"] for entry in jobs.values()])
    counts = {str(v): sum(entry["verdict"] == v for entry in jobs.values()) for v in Verdict}
    audited["counts"] = {verdict: count for verdict, count in counts.items() if count}
    return audited


@pytest.fixture
def make_audit() -> Callable[..., dict[str, Any]]:
    """A builder of audits of other sizes."""
    return study_audit


@pytest.fixture
def spoil() -> Callable[..., dict[str, Any]]:
    """What gives a job of an audit a finding."""
    return spoilt


@pytest.fixture
def hostile() -> str:
    """A text that tries to break out of the page; ids and parameters hold it."""
    return HOSTILE
