"""The audit page as text: complete, compact, safe against its data, the same bytes for the same audit."""

import copy
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from crossmodal.provenance.audit import Verdict
from crossmodal.report.audit_page import MEANINGS, SIGNS, page_data, write_audit_page
from crossmodal.report.formatting import format_time

SUMMARY = "join_numbers"
Audit = Callable[..., dict[str, Any]]
EMBEDDED = re.compile(r'<script type="application/json" id="audit">(.*?)</script>', re.DOTALL)


class Elements(HTMLParser):
    """All start tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open not in ("script", "style"):
            self.text += data


def written(audited: dict[str, Any], folder: Path) -> str:
    write_audit_page(audited, folder / "audit.html")
    return (folder / "audit.html").read_text(encoding="utf-8")


def embedded(page: str) -> dict[str, Any]:
    found = EMBEDDED.search(page)
    assert found is not None
    return json.loads(found[1])


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path, make_audit: Audit) -> None:
    assert written(make_audit(), tmp_path) == written(make_audit(), tmp_path)


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path, make_audit: Audit) -> None:
    for tag, attributes in Elements(written(make_audit(), tmp_path)).tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("data:", "#")), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)


def test_a_report_beside_the_page_is_linked(tmp_path: Path, make_audit: Audit) -> None:
    (tmp_path / "index.html").touch()
    hrefs = [attributes.get("href") for _, attributes in Elements(written(make_audit(), tmp_path)).tags]
    assert "index.html" in hrefs


def test_ids_parameters_and_findings_are_text_and_never_markup(
    tmp_path: Path, make_audit: Audit, spoil: Audit, hostile: str
) -> None:
    elements = Elements(written(spoil(make_audit(), SUMMARY, "stale", hostile), tmp_path))
    names = [tag for tag, _ in elements.tags]
    assert names.count("script") == 2 and "img" not in names
    assert hostile in elements.text


def test_every_number_is_in_the_page_with_its_value_its_interval_and_its_chain(
    tmp_path: Path, make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(
        make_audit(seeds=3, shifts=2), "adapt_model cell=lora-r8 seed=1", "stale", "params: rank 8 → 4"
    )
    data = embedded(written(audited, tmp_path))
    names = [job["name"] for job in data["jobs"]]
    assert names == list(audited["jobs"])
    assert len(data["numbers"]) == len(audited["numbers"])
    for row, number in zip(data["numbers"], audited["numbers"], strict=True):
        group, metric, text, interval, value, low, high, count, unit, verdict, chain = row
        assert data["groups"][group] + data["metrics"][metric] == number["number_id"]
        assert [value, low, high, count] == [number[k] for k in ("value", "ci_low", "ci_high", "n_queries")]
        assert (text, interval) == ("11.8\N{NO-BREAK SPACE}%", "[10.6,\N{NO-BREAK SPACE}13.0]")
        assert (data["units"][unit], data["verdicts"][verdict][0]) == (number["unit"], number["verdict"])
        jobs, sources, table, computed = data["chains"][chain]
        assert [names[i] for i in jobs] == number["jobs"]
        assert [names[i] for i in sources] == number["sources"]
        assert (names[table], names[computed]) == (number["table"], number["computed"])
    assert {data["verdicts"][row[9]][0] for row in data["numbers"]} == {"verified", "stale"}


def test_every_job_is_in_the_page_as_the_audit_has_it(
    tmp_path: Path, make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(make_audit(), "build_model model=base", "tampered", "out.parquet: recorded 1, found f")
    data = embedded(written(audited, tmp_path))
    for row in data["jobs"]:
        job = audited["jobs"][row["name"]]
        assert data["verdicts"][row["verdict"]][0] == job["verdict"]
        assert [data["jobs"][i]["name"] for i in row["parents"]] == job["parents"]
        assert [text for _, text in row["findings"]] == [finding["detail"] for finding in job["findings"]]
        assert row["code"][0] == job["code"]["digest"]
        assert dict(data["shared"][row["code"][1]]) == job["code"]["modules"]
        assert dict(data["shared"][row["environment"]]) == job["environment"]
        outputs = [data["files"][i] for i in row["outputs"]]
        assert [(f[0], f[1], f[3]) for f in outputs] == [
            (f["path"], f["md5"], f["found"]) for f in job["outputs"]
        ]
        for key in (
            "rule",
            "wildcards",
            "parameters",
            "seed",
            "threads",
            "device",
            "commit",
            "dirty",
            "started",
        ):
            assert row[key] == job[key]


def test_what_was_found_of_an_input_is_what_its_writer_is_found_to_hold(
    make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(make_audit(), "build_model model=base", "tampered", "out.parquet: recorded 1, found f")
    audited["jobs"]["build_dataset dataset=openmoji"]["inputs"] = [
        {"path": "raw.zip", "md5": "0", "bytes": 1}
    ]
    data = page_data(audited)
    files = {tuple(data["files"][i]) for job in data["jobs"] for i in job["inputs"]}
    found = {row[0]: row[3:] for row in files}
    assert found["results/build_model/base/out.parquet"] == ("f" * 32,)
    assert found["raw.zip"] == ()  # no job of the audit wrote it


def test_a_job_without_a_manifest_and_an_undefined_number_are_told_so(
    tmp_path: Path, make_audit: Audit, spoil: Audit
) -> None:
    audited = make_audit()
    kept = ("rule", "wildcards", "verdict", "findings", "parents", "manifest")
    audited["jobs"]["build_model model=base"] = {
        key: audited["jobs"]["build_model model=base"][key] for key in kept
    }
    spoil(audited, "build_model model=base", "missing", "out.parquet: not here")
    audited["numbers"][0] |= {"value": float("nan"), "ci_low": None, "ci_high": None}
    data = embedded(written(audited, tmp_path))
    assert data["numbers"][0][2:7] == ["undefined", "", None, None, None]
    assert "outputs" not in next(job for job in data["jobs"] if job["name"] == "build_model model=base")


@pytest.mark.parametrize(("seeds", "told"), [(1, "– (one seed)"), (3, "undefined"), (None, "undefined")])
def test_the_deviation_over_one_seed_says_why_it_has_no_value(
    tmp_path: Path, make_audit: Audit, seeds: int | None, told: str
) -> None:
    audited = make_audit()
    number = audited["numbers"][0]
    number |= {"number_id": f"{number['number_id']}_std", "value": None, "n_seeds": seeds}
    assert embedded(written(audited, tmp_path))["numbers"][0][2] == told


def test_jobs_outside_the_audit_are_left_out_of_the_parents(make_audit: Audit) -> None:
    audited = make_audit()
    audited["jobs"][SUMMARY]["parents"].append("measure_encoders")
    data = page_data(audited)
    assert len(data["jobs"][-1]["parents"]) == len(audited["jobs"][SUMMARY]["parents"]) - 1


def test_the_worst_job_that_is_not_verified_comes_first(
    tmp_path: Path, make_audit: Audit, spoil: Audit
) -> None:
    audited = spoil(make_audit(), "build_dataset dataset=openmoji", "stale", "params: size 48 → 64")
    page = written(spoil(audited, SUMMARY, "tampered", "metrics.parquet: changed"), tmp_path)
    listed = re.findall(r'<a href="#job:[^"]*">([^<]*)</a>\s*<span class="rests">([^<]*)<', page)
    assert listed == [
        (SUMMARY, "3 numbers rest on it"),
        ("build_dataset dataset=openmoji", "3 numbers rest on it"),
    ]


def test_a_study_of_the_usual_size_stays_small(tmp_path: Path, make_audit: Audit, hostile: str) -> None:
    audited = make_audit(seeds=5, shifts=40)
    rows = audited["numbers"]
    for number in rows:
        number["number_id"] = number["number_id"].replace(hostile, "openmoji/test/clean/text_to_image")
    audited["numbers"] = [
        {**copy.copy(row), "number_id": row["number_id"].replace("recall@1", f"metric-{i}")}
        for i in range(8000 // len(rows))
        for row in rows
    ]
    assert len(audited["jobs"]) > 200 and len(audited["numbers"]) > 7900
    assert len(written(audited, tmp_path)) < 2_000_000


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_sign_of_its_own_and_a_meaning(verdict: Verdict) -> None:
    assert MEANINGS[verdict]
    assert sum(sign == SIGNS[verdict] for sign in SIGNS.values()) == 1


def test_the_page_says_which_state_it_is_of(tmp_path: Path, make_audit: Audit) -> None:
    audited = make_audit()
    begun = [job["started"] for job in audited["jobs"].values() if "started" in job]
    text = " ".join(Elements(written(audited, tmp_path)).text.split())
    assert (
        f"the latest of the jobs that it knows began {format_time(max(begun))}. A later run does not" in text
    )
    for job in audited["jobs"].values():
        job.pop("started", None)
        job.pop("outputs", None)  # as of a job without a manifest
        job.pop("seconds", None)
    text = " ".join(Elements(written(audited, tmp_path)).text.split())
    assert "when this page was written. A later run does not" in text
