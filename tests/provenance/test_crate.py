"""The RO-Crate of a small study with real jobs: what it says, what it holds, and when it is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from crossmodal.errors import UserError
from crossmodal.provenance.audit import Node, audit_jobs, files_of
from crossmodal.provenance.crate import write_crate
from crossmodal.provenance.crate_entities import METADATA, About
from crossmodal.provenance.dag import Job
from crossmodal.provenance.digests import md5, md5_of
from crossmodal.provenance.ledger import entries
from crossmodal.provenance.manifest import read_manifest

JOB = """
import json
from crossmodal.jobs.run import Ins, Out, Spec, run

def main(sources: Ins, {arguments}, spec: Spec) -> None:
    {first}.write_bytes(b"".join(p.read_bytes() for p in sources) + spec["rule"].encode())
    if "sheet" in spec["parameters"]:
        sheet.write_text(json.dumps({{"sources": spec["parameters"]["sheet"]}}))

run(main)
"""
ODD = '<script>alert("Fish & Chips")</script> Ünï ‰ 🐙 \\ \n new line'
PIN = {"name": "@icons/fish", "version": "1.2.3", "sha512": "ab" * 64}
SOURCES = [
    {"name": "@icons/fish", "licence": "CC BY 4.0", "sha512": PIN["sha512"]},
    {"name": "photographs", "licence": "for research only"},
]
ARCHIVE = "data/s/sources/fish.tgz"
TRAIN = "data/s/datasets/sea/train.parquet"
SHEET = "data/s/datasets/sea/sheet.json"
PROJECT = ("Snakefile", "README.md", "params.yaml")
CELLS = ('a<b>&"c" d', "ü+1")


@dataclass
class Study:
    """A study in the working directory and how it is described."""

    folder: Path
    jobs: list[Job]
    specs: dict[str, dict[str, Any]]
    about: About

    def nodes(self) -> list[Node]:
        manifests = {
            job.manifest: read_manifest(Path(job.manifest))
            for job in self.jobs
            if Path(job.manifest).exists()
        }
        digests = md5_of(files_of(self.jobs, manifests), None)
        return list(audit_jobs(self.jobs, self.specs, manifests, {}, digests).values())

    def write(self, name: str = "crate", **options: bool) -> Path:
        write_crate(Path(name), self.nodes(), self.about, **options)
        return self.folder / name


def run_job(
    folder: Path,
    rule: str,
    wildcards: dict[str, str],
    sources: list[str],
    outputs: dict[str, str],
    manifest: str,
    parameters: dict[str, Any],
) -> tuple[Job, dict[str, Any]]:
    """Run a job of `rule` in `folder`; return it as the DAG would list it, and its spec."""
    script = folder / f"workflow/crossmodal/jobs/{rule}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    arguments = ", ".join(f"{name}: Out" for name in outputs)
    script.write_text(JOB.format(arguments=arguments, first=next(iter(outputs))))
    spec = {
        "rule": rule, "wildcards": wildcards, "parameters": parameters, "seed": 3, "threads": 1,
        "code": {f"crossmodal.jobs.{rule}": "0123456789ab"}, "environment": {"numpy": "2.4.6"},
    }  # fmt: skip
    places = [f"{name}={path}" for name, path in outputs.items()]
    command = [sys.executable, str(script), "sources=", *sources, *places, f"manifest={manifest}"]
    done = subprocess.run([*command, f"spec={json.dumps(spec)}"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Job(rule, tuple(wildcards.items()), tuple(sources), tuple(outputs.values()), manifest, ""), spec


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A package, a dataset made of it and of photographs from elsewhere, and two cells with odd names."""
    folder = tmp_path_factory.mktemp("study") / "project"
    for name, text in {
        "project/Snakefile": "rule all:\n",
        "project/params.yaml": "study: s\n",
        "project/README.md": "# A study\n",
        "elsewhere/photographs.json": "{}",
    }.items():
        (folder.parent / name).parent.mkdir(exist_ok=True)
        (folder.parent / name).write_text(text)
    pin, sheet = f"{ARCHIVE}.manifest.json", "data/s/datasets/sea/manifest.json"
    dataset = {
        "title": ODD, "sheet": SOURCES, "split": {"train": 0.5, "shuffle": True}, "limit": 7, "none": None,
    }  # fmt: skip
    ran = [
        run_job(folder, "fetch_package", {"package": "fish.tgz"}, [], {"archive": ARCHIVE}, pin, PIN),
        run_job(
            folder, "build_dataset", {"dataset": "sea"}, [ARCHIVE, "../elsewhere/photographs.json"],
            {"train": TRAIN, "sheet": SHEET}, sheet, dataset,
        ),
    ]  # fmt: skip
    for cell in CELLS:
        outputs, manifest = (
            {"numbers": f"results/s/{cell}/numbers <1>.json"},
            f"results/s/{cell}/manifest.json",
        )
        parameters = {"size": 16, "cell": cell}
        ran.append(run_job(folder, "summarise", {"cell": cell}, [TRAIN], outputs, manifest, parameters))
    about = About(
        study="s",
        project=(
            *map(Path, PROJECT),
            *(Path(f"workflow/crossmodal/jobs/{job.rule}.py") for job, _ in ran[:3]),
        ),
        configuration=(Path("params.yaml"),),
        version="0.1.0",
        engine_version="9.27.1",
        licence="MIT",
        author="Ada <ada@example.org>",
        published="2026-01-02T03:04:05+00:00",
    )
    return Study(folder, [job for job, _ in ran], {job.name: spec for job, spec in ran}, about)


@pytest.fixture
def study(finished: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A copy of the finished study, in the working directory."""
    shutil.copytree(finished.folder.parent, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy" / "project")
    return replace(finished, folder=Path.cwd(), specs=dict(finished.specs))


def graph(crate: Path) -> dict[str, dict[str, Any]]:
    """Return the entities of a crate by their ids."""
    entities = json.loads((crate / METADATA).read_text(encoding="utf-8"))["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities), "an id names one entity"
    return found


def ids(value: Any) -> list[str]:
    """Return the ids that a property refers to."""
    listed = value if isinstance(value, list) else [value] if value else []
    return [reference["@id"] for reference in listed]


@pytest.mark.slow
def test_the_public_validator_accepts_it(study: Study, validate_crate: Callable) -> None:
    issues = validate_crate(study.write())
    assert [issue for issue in issues if issue["severity"] == "REQUIRED"] == []
    # Of what is recommended only this is not done: nobody told us an organisation, and a rule of this
    # workflow has no address on the web.
    assert {issue["check"]["name"] for issue in issues} <= {
        "SoftwareApplication id",
        "Root Data Entity: `publisher` property",
        "CreativeWork Author: RECOMMENDED affiliation property",
        "CreativeWork Author: RECOMMENDED Contextual Entity linked for the organizational `affiliation` property",
    }


@pytest.mark.slow
def test_the_validator_would_see_a_fault(study: Study, validate_crate: Callable) -> None:
    crate = study.write()
    metadata = json.loads((crate / METADATA).read_text())
    for entity in metadata["@graph"]:
        if entity["@type"] == "ControlAction":
            del entity["instrument"]
    (crate / METADATA).write_text(json.dumps(metadata))
    (crate / TRAIN).unlink()
    required = [issue for issue in validate_crate(crate) if issue["severity"] == "REQUIRED"]
    assert {issue["check"]["name"] for issue in required} == {
        "ControlAction instrument",
        "Data Entity: REQUIRED resource availability",
    }


def test_every_job_is_an_action_with_its_inputs_and_outputs(study: Study) -> None:
    entities = graph(study.write())
    actions = {e["name"]: e for e in entities.values() if e["@id"].startswith("#job/")}
    assert set(actions) == {job.name for job in study.jobs}
    for job in study.jobs:
        action, manifest = actions[job.name], read_manifest(Path(job.manifest))
        objects = [entities[name] for name in ids(action["object"])]
        files = [unquote(entity["@id"]) for entity in objects if entity["@type"] == "File"]
        assert files == [path for path in job.inputs if not path.startswith("..")]
        others = [entity["name"] for entity in objects if entity["@type"] == "CreativeWork"]
        assert others == [Path(path).name for path in job.inputs if path.startswith("..")]
        assert sorted(unquote(name) for name in ids(action["result"])) == sorted(job.outputs)
        assert (action["startTime"], action["endTime"]) == (manifest["started"], manifest["ended"])
        assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert action["instrument"] == {"@id": f"#rule/{job.rule}"}
        assert entities[action["agent"]["@id"]]["name"] == "Ada <ada@example.org>"
        assert manifest["commit"] in action["description"] and "verified" in action["description"]
        memory = entities[action["resourceUsage"]["@id"]]
        assert memory["value"] == str(manifest["peak_memory_bytes"])
        control = next(
            e
            for e in entities.values()
            if e["@type"] == "ControlAction" and e["object"] == {"@id": action["@id"]}
        )
        assert entities[control["instrument"]["@id"]]["workExample"] == action["instrument"]
    assert set(ids(entities["./"]["mentions"])) == {"#run", *(action["@id"] for action in actions.values())}


def test_the_run_and_its_engine(study: Study) -> None:
    entities = graph(study.write())
    run, engine = entities["#run"], entities["#snakemake"]
    names = {"params.yaml", "photographs.json"}
    assert {entities[name]["name"] for name in ids(run["object"])} == names
    unread = {SHEET, *(f"results/s/{cell}/numbers <1>.json" for cell in CELLS)}
    assert {unquote(name) for name in ids(run["result"])} == unread
    manifests = [read_manifest(Path(job.manifest)) for job in study.jobs]
    assert run["startTime"] == min(m["started"] for m in manifests)
    assert run["endTime"] == max(m["ended"] for m in manifests)
    assert entities[engine["instrument"]["@id"]]["softwareVersion"] == "9.27.1"
    assert engine["result"] == {"@id": "#run"} and len(ids(engine["object"])) == len(study.jobs)
    workflow = entities[entities["./"]["mainEntity"]["@id"]]
    assert workflow["@id"] == "Snakefile" and "ComputationalWorkflow" in workflow["@type"]
    positions = {name: int(entities[name]["position"]) for name in ids(workflow["step"])}
    assert positions == {"#step/fetch_package": 1, "#step/build_dataset": 2, "#step/summarise": 3}
    connected = {
        (e["sourceParameter"]["@id"], e["targetParameter"]["@id"])
        for e in entities.values()
        if e["@type"] == "ParameterConnection" and "workflow/" not in e["targetParameter"]["@id"]
    }
    assert connected == {
        ("#rule/fetch_package/output/archive", "#rule/build_dataset/input/sources"),
        ("#rule/build_dataset/output/train", "#rule/summarise/input/sources"),
    }


def test_parameters_are_values_of_formal_parameters(study: Study) -> None:
    entities = graph(study.write())
    action = entities["#job/build_dataset/sea"]
    values = {
        e["name"]: e
        for e in (entities[name] for name in ids(action["object"]))
        if e["@type"] == "PropertyValue"
    }
    assert {name: value["value"] for name, value in values.items()} == {
        "parameters.title": ODD,
        "parameters.sheet": json.dumps(SOURCES, sort_keys=True),
        "parameters.split.train": 0.5,
        "parameters.split.shuffle": True,
        "parameters.limit": 7,
        "seed": 3,
        "threads": 1,
    }
    kinds = {
        name: entities[value["exampleOfWork"]["@id"]]["additionalType"] for name, value in values.items()
    }
    assert kinds["parameters.title"] == "Text" and kinds["parameters.split.train"] == "Float"
    assert kinds["parameters.split.shuffle"] == "Boolean" and kinds["seed"] == "Integer"
    shared = [
        ids(entities[f"#job/summarise/{name}"]["object"]) for name in ("a%3Cb%3E%26%22c%22%20d", "%C3%BC%2B1")
    ]
    both = {entities[name]["name"] for name in set(shared[0]) & set(shared[1])}
    assert both == {TRAIN, "parameters.size", "seed", "threads"}, "an equal value is one entity"


def test_every_file_is_there_and_described(study: Study) -> None:
    crate = study.write()
    described = {unquote(name): entity for name, entity in graph(crate).items() if "File" in entity["@type"]}
    present = {str(path.relative_to(crate)) for path in crate.rglob("*") if path.is_file()}
    assert present == {*described, METADATA}
    for name, entity in described.items():
        path = crate / name
        assert entity["md5"] == md5(path) and entity["contentSize"] == str(path.stat().st_size)
        assert entity["encodingFormat"].count("/") == 1
        assert path.read_bytes() == (study.folder / name).read_bytes()
    for job in study.jobs:
        assert described[job.manifest]["about"] == {"@id": next(
            e["@id"] for e in graph(crate).values() if e["@id"].startswith("#job/") and e["name"] == job.name
        )}  # fmt: skip
    assert set(map(unquote, ids(graph(crate)["./"]["hasPart"]))) == set(described)


def test_packages_and_licences(study: Study) -> None:
    entities = graph(study.write())
    archive = entities[ARCHIVE]
    assert archive["name"] == "@icons/fish 1.2.3" and archive["version"] == "1.2.3"
    assert archive["sha512"] == PIN["sha512"] and archive["identifier"] == "pkg:npm/%40icons/fish@1.2.3"
    assert archive["license"] == "CC BY 4.0"
    assert entities[TRAIN]["license"] == ["CC BY 4.0", "for research only"]
    assert not any("license" in e for name, e in entities.items() if name.startswith("results/"))
    assert entities["./"]["license"] == {"@id": "https://spdx.org/licenses/MIT"}


def test_what_lies_outside_the_project_stays_there(study: Study) -> None:
    crate = study.write()
    outside = next(e for e in graph(crate).values() if e.get("name") == "photographs.json")
    assert outside["@type"] == "CreativeWork" and outside["md5"] == md5(Path("../elsewhere/photographs.json"))
    assert "elsewhere" not in (crate / METADATA).read_text()
    assert list(crate.rglob("photographs*")) == []


def test_it_is_a_function_of_the_study_and_the_time_of_publication(study: Study) -> None:
    first = (study.write("first") / METADATA).read_text()
    # Snakemake may list independent jobs in another order.
    write_crate(Path("second"), [*study.nodes()[:2], *study.nodes()[:1:-1]], study.about)
    assert (study.folder / "second" / METADATA).read_text() == first
    later = replace(study.about, published="2027-01-01T00:00:00+00:00")
    write_crate(Path("third"), study.nodes(), later)
    assert (study.folder / "third" / METADATA).read_text() == first.replace(
        study.about.published, later.published
    )


def test_outputs_are_links_and_the_workflow_is_copied(study: Study) -> None:
    crate = study.write()
    assert (crate / TRAIN).samefile(TRAIN)
    assert not (crate / "params.yaml").samefile("params.yaml"), (
        "an editor that writes in place must not reach it"
    )
    copied = study.write("copied", copy=True)
    assert not (copied / TRAIN).samefile(TRAIN)


def test_without_an_author_nobody_is_named(study: Study) -> None:
    study.about = replace(study.about, author=None)
    entities = graph(study.write())
    assert not any(e["@type"] == "Person" or "agent" in e for e in entities.values())


def damage(study: Study, what: str) -> str:
    """Break the study and return what the refusal must name."""
    job = study.jobs[1]
    if what == "manifest":
        Path(job.manifest).unlink()
        return f"{job.name}: unrecorded ({TRAIN}: no manifest"
    if what == "file":
        Path(TRAIN).unlink()
        return f"{job.name}: missing ({TRAIN}: not here)"
    if what == "bytes":
        Path(TRAIN).write_bytes(b"other")
        return f"{job.name}: tampered ({TRAIN}: recorded "
    if what == "input":
        Path("../elsewhere/photographs.json").write_text("other")
        return f"{job.name}: stale (input: ../elsewhere/photographs.json was "
    if what == "workflow":
        Path("README.md").unlink()
        return "README.md: no such file"
    study.specs[job.name] = study.specs[job.name] | {"seed": 4}
    return f"{job.name}: stale (params: seed 3 → 4); 1 stale in all"


@pytest.mark.parametrize("what", ["manifest", "file", "bytes", "input", "workflow", "parameters"])
def test_what_is_not_as_recorded_is_refused_and_nothing_is_written(study: Study, what: str) -> None:
    kept = graph(study.write())
    expected = damage(study, what)
    before = sorted(study.folder.iterdir())
    with pytest.raises(UserError) as refused:
        study.write("new")
    assert str(refused.value).startswith(expected) and "\n" not in str(refused.value)
    with pytest.raises(UserError):
        study.write()
    assert sorted(study.folder.iterdir()) == before and graph(study.folder / "crate") == kept


def test_stale_jobs_are_described_as_they_ran_on_request(study: Study) -> None:
    damage(study, "parameters")
    entities = graph(study.write(allow_stale=True))
    assert "stale (params: seed 3 → 4)" in entities["#job/build_dataset/sea"]["description"]
    assert "verified" in entities["#job/fetch_package/fish.tgz"]["description"]


def test_only_a_crate_is_replaced(study: Study) -> None:
    crate = study.write()
    (crate / "left over").write_text("")
    Path("empty").mkdir()
    for name in ("crate", "empty"):
        assert not (study.write(name) / "left over").exists()
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    Path("file").write_text("mine")
    for name in ("mine", "file"):
        with pytest.raises(UserError, match=f"^{name}: not an RO-Crate"):
            study.write(name)
    assert Path("mine/notes.txt").read_text() == "mine" and Path("file").read_text() == "mine"


def test_two_jobs_that_saw_different_bytes_are_refused(study: Study) -> None:
    nodes = study.nodes()
    manifest = json.loads(json.dumps(nodes[2].manifest))
    entries(manifest, "inputs")[0]["md5"] = "0" * 32
    nodes[2] = replace(nodes[2], manifest=manifest)
    with pytest.raises(UserError, match=f"{TRAIN}: .* saw md5 .*; run the study again first"):
        write_crate(Path("crate"), nodes, study.about)
