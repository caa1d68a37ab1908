"""The commands about provenance, on the finished tiny study."""

import json
import re
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NUMBER = "peft/full/s0/outlines/test/clean/text_to_image/recall@10"
DEGRADATION = "robustness/lora-r8-pgd/s*/outlines/test/shifts-mean/mean/degradation_recall@5"
CHAIN = [
    "build_dataset dataset=crowd", "build_model model=base", "build_dataset dataset=outlines",
    "adapt_model cell=full seed=0", "embed_target cell=full seed=0",
    "evaluate_target cell=full seed=0", "number_cells", "join_numbers",
]  # fmt: skip


def test_every_number_is_verified(project) -> None:
    done = project.crossmodal("audit", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    numbers, jobs = done.stdout.strip().splitlines()[-2:]
    assert re.fullmatch(r"[\d,]+ numbers: [\d,]+ verified", numbers)
    assert re.fullmatch(r"(\d+) jobs of study tiny: \1 verified", jobs)


def test_a_number_is_traced_to_its_sources(project) -> None:
    done = project.crossmodal("audit", NUMBER, "--json")
    assert done.returncode == 0, done.stderr
    audited = json.loads(done.stdout)
    (number,) = audited["numbers"]
    assert sorted(number["jobs"]) == sorted(CHAIN) == sorted(audited["jobs"])
    for name in number["jobs"]:
        job = audited["jobs"][name]
        assert job["verdict"] == "verified" and job["findings"] == []
        assert job["outputs"] and all(entry["md5"] == entry["found"] for entry in job["outputs"])
        assert job["seconds"] >= 0 and job["code"]["modules"] and job["environment"]["python"]
    text = project.crossmodal("audit", NUMBER).stdout
    for name in CHAIN:
        assert f"verified {name}" in text


def test_globs_several_numbers_and_the_report(project) -> None:
    done = project.crossmodal("audit", "peft/full/s0/outlines/test/clean/*_to_*/recall@1", NUMBER, "--json")
    assert len(json.loads(done.stdout)["numbers"]) == 3
    done = project.crossmodal("audit", "--report", "--json")
    assert done.returncode == 0, done.stderr
    stated = {number["number_id"] for number in json.loads(done.stdout)["numbers"]}
    assert {i for h in _hypotheses(project) for i in h["number_ids"]} <= stated


def _hypotheses(project) -> list[dict]:
    return json.loads((project.folder / "results/tiny/hypotheses.json").read_text())


def test_an_unknown_number_is_one_line(project) -> None:
    done = project.crossmodal("audit", "peft/nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: no number id matches 'peft/nothing'; `crossmodal numbers` lists them\n"
    done = project.crossmodal("audit")
    assert done.stderr == "error: nothing to audit: name a number id or a glob, or give --all or --report\n"


def test_what_is_stale_missing_or_unrecorded_is_named(project) -> None:
    loop = project.folder / "workflow/crossmodal/training/loop.py"
    text = loop.read_text()
    manifest = project.folder / "results/tiny/embeddings/full/s0/target.manifest.json"
    kept = manifest.rename(manifest.with_suffix(".kept"))
    loop.write_text(f"{text}\nANSWER = 42\n")
    try:
        done = project.crossmodal("audit", NUMBER, "--json")
    finally:
        loop.write_text(text)
        kept.rename(manifest)
    assert done.returncode == 1
    jobs = json.loads(done.stdout)["jobs"]
    assert jobs["embed_target cell=full seed=0"]["verdict"] == "unrecorded"
    adapted = jobs["adapt_model cell=full seed=0"]
    assert adapted["verdict"] == "stale"
    assert re.fullmatch(r"code: crossmodal\.training\.loop \w{12} → \w{12}", adapted["findings"][0]["detail"])
    assert jobs["build_dataset dataset=crowd"]["verdict"] == "verified"
    assert json.loads(done.stdout)["numbers"][0]["verdict"] == "unrecorded", "the worst of the chain"


def test_why_names_the_difference_and_the_time(project) -> None:
    overlay = project.folder / "studies/tiny.yaml"
    text = overlay.read_text()
    overlay.write_text(text.replace("resamples: 100", "resamples: 101"))
    try:
        plan = json.loads(project.crossmodal("why", "--json").stdout)
        lines = project.crossmodal("why", "results/tiny/metrics.parquet").stdout.splitlines()
    finally:
        overlay.write_text(text)
    by_job = {entry["job"]: entry for entry in plan}
    rooms = ("peft", "robustness", "search", "scale", "probes")  # in the order of the page
    numbered = {"number_cells", *(f"number_{room}" for room in rooms)}
    drawn = [f"draw_{room}" for room in rooms]
    assert set(by_job) == numbered | {*drawn, "record_study", "join_numbers", "write_report"}
    for job in numbered:
        assert by_job[job]["reasons"] == ["params: statistics.resamples 100 → 101"], job
    assert by_job["write_report"]["reasons"] == [
        f"input: rewritten by {job}" for job in ("record_study", "join_numbers", *drawn)
    ]
    assert all(entry["expected_seconds"] > 0 for entry in plan if entry["job"] != "record_study")
    named = [line.split()[0] for line in lines[:-1] if not line.startswith(" ")]
    assert named[-1] == "join_numbers" and set(named) == numbered | {"join_numbers"}
    assert lines[-1].startswith("study tiny: 7 jobs")
    assert project.crossmodal("why").stdout == "study tiny: nothing to do\n"


def test_an_accepted_edit_is_kept_and_shown_as_accepted(project, tmp_path: Path) -> None:
    copy = type(project)(tmp_path, project.overlay)
    for name in ("data", "results", ".snakemake"):
        shutil.copytree(project.folder / name, tmp_path / name)
    assert copy.run("-c", "import subprocess as s; s.run(['git', 'init', '-q'], check=True)").returncode == 0
    loop = tmp_path / "workflow/crossmodal/training/loop.py"
    loop.write_text(f"{loop.read_text()}\nANSWER = 42\n")
    done = copy.crossmodal("accept", "adaptation", "--why", "nobody reads it")
    assert done.stderr.endswith("a job above it does not hold; accept or run that one first\n")
    assert not (tmp_path / "waivers.yaml").exists()
    for stage in ("pretraining", "adaptation", "search"):  # where the folds are trained
        done = copy.crossmodal("accept", stage, "--why", "nobody reads it")
        assert done.returncode == 0, done.stderr
    assert copy.stale() == set()
    done = copy.crossmodal("audit", NUMBER)
    assert done.returncode == 1, "accepted is not verified"
    assert "code: crossmodal.training.loop; accepted by Ada <ada@example.org> on 2" in done.stdout
    assert "nobody reads it" in done.stdout
    loop.write_text(f"{loop.read_text()}\nANSWER = 43\n")
    audited = json.loads(copy.crossmodal("audit", NUMBER, "--json").stdout)
    assert audited["jobs"]["build_model model=base"]["verdict"] == "stale", (
        "another edit than the accepted one"
    )
    done = copy.crossmodal("accept", "nonsense", "--why", "x")
    assert "'nonsense' is no stage or rule; there are data, shifts, pretraining" in done.stderr


def test_a_parameter_cannot_be_accepted(project) -> None:
    overlay = project.folder / "studies/tiny.yaml"
    text = overlay.read_text()
    overlay.write_text(text.replace("resamples: 100", "resamples: 101"))
    try:
        done = project.crossmodal("accept", "number_peft", "--why", "a little more")
    finally:
        overlay.write_text(text)
    assert done.stderr == (
        "error: number_peft: only code edits can be accepted, this is stale"
        " (params: statistics.resamples 100 → 101)\n"
    )


def test_a_number_is_derived_again_from_its_sources(project, tmp_path: Path) -> None:
    done = project.crossmodal("reproduce", DEGRADATION, "--scratch", str(tmp_path / "again"), "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.splitlines()[0] == f"{DEGRADATION}: 10 upstream jobs to repeat"
    assert done.stdout.splitlines()[-1].startswith("bit-equal: ")
    trained = {p.parent.parent.name for p in (tmp_path / "again").rglob("adapter_model.safetensors")}
    assert trained == {"lora-r8-pgd"}, "only what is upstream of the number"


def test_a_manifest_that_is_gone_or_broken_is_one_line(project) -> None:
    path = "results/tiny/numbers/robustness.manifest.json"
    manifest = project.folder / path
    kept = manifest.rename(manifest.with_suffix(".kept"))
    try:
        done = project.crossmodal("reproduce", DEGRADATION)
        assert done.stderr == (
            f"error: {path}: no such manifest; `rm {path.replace('manifest.json', 'parquet')}` and run the"
            " study again\n"
        )
        manifest.write_text("{}")
        for command in (["audit", "--all"], ["why"], ["reproduce", DEGRADATION]):
            done = project.crossmodal(*command)
            assert done.returncode == 1 and done.stderr == (
                f"error: {path}: not a manifest (rule is missing); `rm {path}` and run the study again\n"
            )
    finally:
        kept.rename(manifest)


def test_a_page_of_the_audit(project, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    done = project.crossmodal("audit", "--all", "--html", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "adapt_model" in text and "lora-r8-pgd" in text and len(text) < 3_000_000
