"""`crossmodal audit --report` on the page that the report's numbers link to, in a study of two jobs."""

from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from crossmodal.commands.audit import outdated_drawing
from crossmodal.commands.context import Context
from crossmodal.provenance.account import account
from crossmodal.provenance.dag import Job
from crossmodal.report.audit_page import write_audit_page
from crossmodal.statistics.numbers import write_numbers
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import load_study
from judged import number

STUDY = load_study(read_yaml(Path("params.yaml")), {})
RESULTS = Path("results", STUDY.study)
CELLS, METRICS = RESULTS / "numbers/cells.parquet", RESULTS / "metrics.parquet"
PAGE = RESULTS / "report/audit.html"
JOBS = [
    Job("number_cells", (), (), (str(CELLS),), str(CELLS.with_suffix(".manifest.json")), ""),
    Job("join_numbers", (), (str(CELLS),), (str(METRICS),), str(METRICS.with_suffix(".manifest.json")), ""),
]


def spec(job: Job) -> dict[str, Any]:
    return {
        "rule": job.rule, "wildcards": {}, "parameters": {"level": 0.95}, "seed": 0, "threads": 1,
        "code": {"crossmodal.statistics.numbers": "c1"}, "environment": {"numpy": "2"},
    }  # fmt: skip


def manifest(job: Job) -> dict[str, Any]:
    def files(paths: tuple[str, ...]) -> dict[str, Any]:
        found = [(path, Path(path).read_bytes()) for path in paths]
        return {
            "files": [
                {"path": path, "md5": md5(data).hexdigest(), "bytes": len(data)} for path, data in found
            ]
        }

    return {
        "rule": job.rule, "wildcards": {}, "seed": 0, "threads": 1, "spec": spec(job),
        "inputs": files(job.inputs), "outputs": files(job.outputs), "versions": {"numpy": "2"}, "platform": "p",
        "device": "cpu", "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:02+00:00",
        "peak_memory_bytes": 1, "commit": "c", "dirty": False,
    }  # fmt: skip


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A finished study of two numbers, in which everything holds, and the page of its audit."""
    monkeypatch.chdir(tmp_path)
    for folder in (CELLS.parent, PAGE.parent):
        folder.mkdir(parents=True)
    numbers = [
        number(f"peft/{cell}/s*/openmoji/test/clean/mean/recall@1", 0.25, 0.2, 0.3)
        for cell in ("full", "lora")
    ]
    for path in (CELLS, METRICS):
        write_numbers(path, numbers)
    manifests = {job.manifest: manifest(job) for job in JOBS}
    context = Context(STUDY, [], JOBS, {job.name: spec(job) for job in JOBS}, manifests, dict(manifests), [])
    draw(context)
    return context


def draw(context: Context) -> None:
    """Write the page as `crossmodal audit --all --html` does."""
    from crossmodal.commands.audit import _select, _with_jobs

    nodes = context.audit(cache=False)
    rows = _with_jobs(context, _select(context, [], everything=True, published=False))
    write_audit_page(account(STUDY.study, nodes, rows, list(nodes)), PAGE)


def outdated(context: Context) -> list[str]:
    return outdated_drawing(context, context.audit(cache=False))


def test_the_page_of_this_study_is_as_it_would_be_drawn(context: Context) -> None:
    assert "verified" in PAGE.read_text() and outdated(context) == []


def edited(context: Context) -> None:
    PAGE.write_text(PAGE.read_text().replace("25.0", "52.0"))


def other_numbers(context: Context) -> None:
    write_numbers(METRICS, [number("peft/full/s*/openmoji/test/clean/mean/recall@1", 0.26, 0.2, 0.3)])


def another_run(context: Context) -> None:
    context.manifests[JOBS[0].manifest]["started"] = "2026-01-02T00:00:00+00:00"


def a_report_beside_it(context: Context) -> None:
    PAGE.with_name("index.html").write_text("<!doctype html>")


@pytest.mark.parametrize("change", [edited, other_numbers, another_run, a_report_beside_it])
def test_another_page_is_named_with_what_draws_it(
    context: Context, change: Callable[[Context], None]
) -> None:
    change(context)
    assert outdated(context) == [
        f"{PAGE}: not what an audit of this study draws now; `crossmodal audit --all --html {PAGE}` draws it"
    ]
    draw(context)
    assert outdated(context) == []


def test_a_page_that_was_never_drawn_is_not_asked_for(context: Context) -> None:
    PAGE.unlink()
    assert outdated(context) == []
