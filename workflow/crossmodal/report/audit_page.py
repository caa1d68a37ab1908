"""The audit page: one HTML file that draws the chain of every number, the same bytes for the same audit."""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from crossmodal.provenance.audit import SEVERITY, Verdict
from crossmodal.report.formatting import (
    ABSENT,
    format_interval,
    format_seconds,
    format_time,
    format_value,
    kind_of,
)
from crossmodal.report.scripts import content_policy, json_for_script

ASSETS = Path(__file__).parent / "assets_audit"
"""Beside the report's assets and not among them: what lies there is part of the spec of the report job."""

STYLES = (Path(__file__).parent / "assets" / "page.css", ASSETS / "audit.css")
SCRIPTS = ("layout.js", "units.js", "drawing.js", "details.js", "chain.js", "lists.js", "audit.js")

SIGNS = {"verified": "✓", "accepted": "≈", "stale": "↻", "unrecorded": "?", "missing": "∅", "tampered": "✗"}
MEANINGS = {
    "verified": "its parameters, code, packages and inputs are those it would have today, and every byte is as "
    "recorded",
    "accepted": "its code was edited since, and a person declared with a reason that the edit changes no result",
    "stale": "it would run with other parameters, code, packages or inputs today",
    "unrecorded": "there are files that no manifest speaks of",
    "missing": "a file is not here, so nothing can be said of its bytes",
    "tampered": "a file is not what its job wrote",
}


def write_audit_page(audited: Mapping[str, Any], path: Path) -> None:
    """Write the self-contained page of an audit, as `account.account` returns it, to `path` (UTF-8)."""
    path.write_text(audit_page(audited, path), encoding="utf-8", newline="\n")


def audit_page(audited: Mapping[str, Any], path: Path) -> str:
    """Return the self-contained page of an audit that is to lie at `path`.

    `page.html#<number_id>` shows one number and its chain of jobs, `page.html#job:<name>` one job, and the
    page without a fragment sums up. It links back to a report that lies beside it.
    """
    script = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("audit.html").render(
        audited=audited,
        data=json_for_script(page_data(audited)),
        latest=_latest(audited),
        meanings=MEANINGS,
        policy=content_policy(script),
        problems=_problems(audited),
        report="index.html" if path.with_name("index.html").is_file() else "",
        script=Markup(script),
        signs=SIGNS,
        style=Markup("\n".join(style.read_text(encoding="utf-8") for style in STYLES)),
    )


def page_data(audited: Mapping[str, Any]) -> dict[str, Any]:
    """Return the audit as the page holds it: every job, chain, file and shared mapping once, by position.

    `numbers` are rows [group, metric, text, interval, value, ci_low, ci_high, n_queries, unit, verdict, chain];
    a number's id is its group and its metric. `chains` are rows [jobs, sources, table, computed]. `files` are rows
    [path, md5, size, found]; `found` is null for a file that is not here and absent where nobody looked.
    """
    place = {name: i for i, name in enumerate(audited["jobs"])}
    groups, metrics, units, chains, files, shared = (Pool() for _ in range(6))
    numbers = []
    for number in audited["numbers"]:
        group, slash, metric = number["number_id"].rpartition("/")
        value, low, high = (_finite(number.get(key)) for key in ("value", "ci_low", "ci_high"))
        unit = number.get("unit") or ""
        kind = kind_of(metric, unit)
        text = _undefined(number) if value is None else format_value(value, kind)
        if kind == "plain" and value is not None and unit:
            text += f" {unit}"
        jobs = tuple(place[name] for name in number["jobs"])
        sources = tuple(place[name] for name in number["sources"])
        last = (place[number["table"]], place[number["computed"]])
        chain = chains.add((jobs, sources, *last))
        numbers.append(
            [
                groups.add(group + slash),
                metrics.add(metric),
                text,
                format_interval(low, high, kind),
                value,
                low,
                high,
                number.get("n_queries"),
                units.add(unit),
                SEVERITY[Verdict(number["verdict"])],
                chain,
            ]
        )
    made = {entry["path"]: entry for job in audited["jobs"].values() for entry in job.get("outputs", ())}
    return {
        "study": audited["study"],
        "verdicts": [[str(verdict), SIGNS[verdict]] for verdict in Verdict],
        "numbers": numbers,
        "jobs": [_job(name, job, place, files, shared, made) for name, job in audited["jobs"].items()],
        "groups": groups.values,
        "metrics": metrics.values,
        "units": units.values,
        "chains": chains.values,
        "files": files.values,
        "shared": shared.values,
    }


def _undefined(number: Mapping[str, Any]) -> str:
    """Return what stands for a number without a value: of a deviation over one seed, why it has none."""
    is_deviation = str(number["number_id"]).endswith("_std")
    return f"{ABSENT} (one seed)" if is_deviation and number.get("n_seeds") == 1 else "undefined"


class Pool:
    """Values that each stand once; the others refer to them by position."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._place: dict[Hashable, int] = {}

    def add(self, value: Hashable) -> int:
        """Return the position of `value`; mappings are given as tuples of pairs."""
        if value not in self._place:
            self._place[value] = len(self.values)
            self.values.append(value)
        return self._place[value]


def _job(
    name: str,
    job: Mapping[str, Any],
    place: Mapping[str, int],
    files: Pool,
    shared: Pool,
    made: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    row = dict(job)
    row["name"] = name
    row["verdict"] = SEVERITY[Verdict(job["verdict"])]
    row["findings"] = [[SEVERITY[Verdict(f["verdict"])], f["detail"]] for f in job["findings"]]
    # An audit of few numbers leaves out jobs that it does not need.
    row["parents"] = [place[parent] for parent in job["parents"] if parent in place]
    row["duration"] = format_seconds(job["seconds"]) if "seconds" in job else ""
    if "outputs" in job:
        row["moment"] = format_time(job["started"])
        memory = job.get("peak_memory_bytes")
        row["memory"] = format_value(memory, "bytes") if memory else ""
        row["code"] = [job["code"]["digest"], shared.add(tuple(job["code"]["modules"].items()))]
        row["environment"] = shared.add(tuple(job["environment"].items()))
        row["inputs"] = [files.add(_file(made.get(entry["path"], {}) | entry)) for entry in job["inputs"]]
        row["outputs"] = [files.add(_file(entry)) for entry in job["outputs"]]
    return row


def _file(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the row of a file; what was found of an input is known from the job that wrote it."""
    size = entry.get("bytes")
    row = (entry["path"], entry["md5"], "" if size is None else format_value(size, "bytes"))
    return (*row, entry["found"]) if "found" in entry else row


def _problems(audited: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any], int]]:
    """Return (name, job, how many numbers rest on it) for each job that is not verified, the worst first."""
    rests = Counter(name for number in audited["numbers"] for name in number["jobs"])
    found = [
        (name, job, rests[name]) for name, job in audited["jobs"].items() if job["verdict"] != "verified"
    ]
    return sorted(found, key=lambda row: -SEVERITY[Verdict(row[1]["verdict"])])


def _latest(audited: Mapping[str, Any]) -> str:
    """Return when the latest job began, for people; nothing where no job has a manifest."""
    begun = [job["started"] for job in audited["jobs"].values() if "started" in job]
    return format_time(max(begun, key=datetime.fromisoformat)) if begun else ""


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
