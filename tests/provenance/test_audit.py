"""Verdicts, on hand-made jobs: each way in which a job can fail to hold."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossmodal.provenance.account import account
from crossmodal.provenance.audit import Verdict, audit_jobs, files_of, lineage, worst
from crossmodal.provenance.dag import Job
from crossmodal.provenance.settle import holding
from crossmodal.provenance.waivers import Waiver

SOURCE = Job("build_dataset", (("dataset", "a"),), ("own.csv",), ("train",), "build.manifest.json", "")
MODEL = Job("adapt_model", (("cell", "x"),), ("train",), ("weights",), "adapt.manifest.json", "")
COMPUTED = Job("number_peft", (), ("weights",), ("numbers",), "numbers.manifest.json", "")
TABLE = Job("join_numbers", (), ("numbers",), ("metrics",), "table.manifest.json", "")
JOBS = [SOURCE, MODEL, COMPUTED, TABLE]
DIGESTS = {"own.csv": "d0", "train": "d1", "weights": "d2", "numbers": "d3", "metrics": "d4"}


def spec(job: Job) -> dict[str, Any]:
    return {
        "rule": job.rule, "wildcards": dict(job.wildcards), "parameters": {"rank": 8}, "seed": 0, "threads": 1,
        "code": {"loop": "c1"}, "environment": {"torch": "1"},
    }  # fmt: skip


def manifest(job: Job) -> dict[str, Any]:
    def files(paths: tuple[str, ...]) -> dict[str, Any]:
        return {"files": [{"path": path, "md5": DIGESTS[path], "bytes": 1} for path in paths]}

    return {
        "rule": job.rule, "wildcards": dict(job.wildcards), "seed": 0, "threads": 1,
        "spec": spec(job), "inputs": files(job.inputs), "outputs": files(job.outputs),
        "versions": {"torch": "1"}, "platform": "p", "device": "cpu", "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:00:02+00:00", "peak_memory_bytes": 1, "commit": "c", "dirty": False,
    }  # fmt: skip


class World:
    """A study in which everything holds, to be spoilt."""

    def __init__(self) -> None:
        self.jobs = list(JOBS)
        self.specs = {job.name: spec(job) for job in JOBS}
        self.manifests = {job.manifest: manifest(job) for job in JOBS}
        self.ledger = deepcopy(self.manifests)
        self.digests: dict[Path, str | None] = {Path(path): digest for path, digest in DIGESTS.items()}
        self.waivers: list[Waiver] = []

    def audit(self):
        return audit_jobs(self.jobs, self.specs, self.manifests, self.ledger, self.digests, self.waivers)

    def verdicts(self) -> list[str]:
        return [str(node.verdict) for node in self.audit().values()]

    def details(self) -> list[str]:
        return [f.detail for node in self.audit().values() for f in node.findings]


@pytest.fixture
def world() -> World:
    return World()


def test_everything_holds(world: World) -> None:
    assert world.verdicts() == ["verified"] * 4
    assert holding(world.audit()) == [job.name for job in JOBS]
    assert files_of(JOBS, world.manifests) == set(world.digests)


def test_a_changed_byte_is_tampering_and_makes_what_read_it_stale(world: World) -> None:
    world.digests[Path("weights")] = "other"
    assert world.verdicts() == ["verified", "tampered", "stale", "verified"]
    assert world.details() == [
        "weights: recorded d2, found other", "input: weights was d2, is other",
    ]  # fmt: skip
    assert holding(world.audit()) == [SOURCE.name]


@pytest.mark.parametrize(
    ("key", "value", "detail"),
    [
        ("parameters", {"rank": 4}, "params: rank 8 → 4"),
        ("seed", 1, "params: seed 0 → 1"),
        ("code", {"loop": "c2"}, "code: loop c1 → c2"),
        ("environment", {"torch": "2"}, "environment: torch 1 → 2"),
    ],
)
def test_another_spec_is_stale_with_the_difference(world: World, key: str, value: Any, detail: str) -> None:
    world.specs[MODEL.name][key] = value
    assert world.verdicts() == ["verified", "stale", "verified", "verified"]
    assert world.details() == [detail]
    assert holding(world.audit()) == [SOURCE.name], "what is below a stale job does not hold either"


def test_another_program_is_stale(world: World) -> None:
    programs = {job.rule: f"crossmodal.jobs.{job.rule}" for job in JOBS}
    world.jobs = [
        replace(job, arguments="a", command=("python", "-m", programs[job.rule], "@a", ">", "log", "2>&1"))
        for job in JOBS
    ]
    known = world.specs, world.manifests, world.ledger, world.digests
    assert {node.verdict for node in audit_jobs(world.jobs, *known, (), programs).values()} == {"verified"}
    world.jobs[1] = replace(world.jobs[1], command=(*world.jobs[1].command, ";", "true"))
    node = audit_jobs(world.jobs, *known, (), programs)[MODEL.name]
    assert node.verdict == "stale" and "2>&1 ; true`, not its module alone" in node.findings[0].detail


def test_another_set_of_inputs_is_stale(world: World) -> None:
    world.jobs[1] = Job(MODEL.rule, MODEL.wildcards, ("more",), MODEL.outputs, MODEL.manifest, "")
    world.digests[Path("more")] = "d9"
    assert world.details() == ["input: more is new", "input: train is gone"]


def test_the_same_files_under_other_names_or_in_another_order_are_stale(world: World) -> None:
    """Two inputs swapped give another result from the same set of files."""
    recorded = manifest(MODEL)
    recorded["inputs"] = {
        name: [{"path": path, "md5": DIGESTS[path], "bytes": 1} for path in paths]
        for name, paths in {"config": ["train"], "data": ["own.csv", "numbers"]}.items()
    }
    world.manifests[MODEL.manifest] = recorded
    world.ledger = {}
    named = (("config", ("train",)), ("data", ("own.csv", "numbers")))
    same = replace(
        MODEL,
        inputs=("train", "own.csv", "numbers"),
        named_inputs=named,
        named_outputs=(("files", ("weights",)),),
    )
    world.jobs = [same]
    assert world.verdicts() == ["verified"]
    world.jobs = [replace(same, named_inputs=(("config", ("train",)), ("data", ("numbers", "own.csv"))))]
    assert (world.verdicts(), world.details()) == (["stale"], ["inputs: order of data differs"])
    world.jobs = [replace(same, named_outputs=(("others", ("weights",)),))]
    assert world.verdicts() == ["stale"]


def test_a_manifest_of_a_published_run_must_be_what_was_published(world: World) -> None:
    """A file and its manifest edited together agree with each other, not with the ledger."""
    edited = world.manifests[TABLE.manifest]
    edited["outputs"]["files"][0]["md5"] = "other"
    world.digests[Path("metrics")] = "other"
    assert world.verdicts() == ["verified"] * 3 + ["tampered"]
    assert world.details() == ["manifest: outputs.files differs from what was published of the same run"]
    edited["resumed_from"] = []
    edited |= {"device": "gpu", "commit": "d"}
    assert world.details() == [
        "manifest: outputs.files, device, commit and 1 more differ from what was published of the same run"
    ]
    assert holding(world.audit()) == [job.name for job in JOBS[:3]]


def test_another_run_than_the_published_one_is_not_accused(world: World) -> None:
    world.manifests[TABLE.manifest]["started"] = "2026-01-03T00:00:00+00:00"
    world.manifests[TABLE.manifest]["outputs"]["files"][0]["md5"] = "other"
    world.digests[Path("metrics")] = "other"
    assert world.verdicts() == ["verified"] * 4


@pytest.mark.parametrize(
    ("key", "value", "detail"),
    [
        ("rule", "build_model", "rule is build_model, its spec says adapt_model"),
        ("wildcards", {"cell": "y"}, "wildcards is {'cell': 'y'}, its spec says {'cell': 'x'}"),
        ("seed", 5, "seed is 5, its spec says 0"),
        ("threads", 2, "threads is 2, its spec says 1"),
    ],
)
def test_a_manifest_that_contradicts_its_spec_is_tampered(
    world: World, key: str, value: Any, detail: str
) -> None:
    world.ledger = {}
    world.manifests[MODEL.manifest][key] = value
    assert world.verdicts() == ["verified", "tampered", "verified", "verified"]
    assert world.details() == [f"manifest: {detail}"]


def test_missing_files(world: World) -> None:
    world.digests[Path("weights")] = None
    assert world.verdicts() == ["verified", "missing", "verified", "verified"]
    assert world.details() == ["weights: not here"]
    world.digests[Path("own.csv")] = None
    assert world.details()[0] == "own.csv: not here, and no job writes it"


def test_a_source_of_the_users_own_is_watched_too(world: World) -> None:
    world.digests[Path("own.csv")] = "edited"
    assert world.details() == ["input: own.csv was d0, is edited"]


def test_a_file_without_a_manifest_is_unrecorded(world: World) -> None:
    del world.manifests[MODEL.manifest]
    assert world.verdicts() == ["verified", "unrecorded", "verified", "verified"]
    world.digests[Path("weights")] = None
    assert world.verdicts() == ["verified", "missing", "verified", "verified"]


def test_the_ledger_speaks_where_nothing_is_here(world: World) -> None:
    world.manifests, world.digests = {}, dict.fromkeys(world.digests)
    world.digests[Path("own.csv")] = "d0"
    world.specs[MODEL.name]["seed"] = 5
    nodes = world.audit()
    assert world.verdicts() == ["missing"] * 4
    assert [f.detail for f in nodes[MODEL.name].findings] == ["weights: not here", "params: seed 0 → 5"]


def test_an_accepted_edit_is_accepted_and_holds_but_is_not_verified(world: World) -> None:
    world.specs[MODEL.name]["code"] = {"loop": "c2"}
    world.waivers = [Waiver(MODEL.rule, {"loop": ["c1", "c2"]}, "Ada", "2026-01-02", "a comment")]
    assert world.verdicts() == ["verified", "accepted", "verified", "verified"]
    assert world.details() == ["code: loop; accepted by Ada on 2026-01-02: a comment"]
    assert holding(world.audit()) == [job.name for job in JOBS]
    world.specs[MODEL.name]["seed"] = 1
    assert world.verdicts()[1] == "stale"


def test_a_number_is_as_good_as_the_worst_job_of_its_chain(world: World) -> None:
    other = Job("shift_dataset", (), (), ("shifted",), "shift.manifest.json", "")
    world.jobs.append(other)
    world.specs[other.name] = spec(other)
    world.specs[SOURCE.name]["seed"] = 1
    nodes = world.audit()
    numbers = [
        {"number_id": "n", "sources": [MODEL.name], "computed": COMPUTED.name, "table": TABLE.name},
        {"number_id": "m", "sources": [], "computed": COMPUTED.name, "table": TABLE.name},
    ]
    audited = account("x", nodes, numbers)
    number, sourceless = audited["numbers"]
    assert number["jobs"] == [SOURCE.name, MODEL.name, COMPUTED.name, TABLE.name] == list(audited["jobs"])
    assert number["verdict"] == audited["verdict"] == "stale"
    assert sourceless["jobs"] == [COMPUTED.name, TABLE.name] and sourceless["verdict"] == "verified"
    assert audited["counts"] == {"verified": 3, "stale": 1}
    assert account("x", nodes, numbers, list(nodes))["verdict"] == "missing", "all jobs were asked for"
    assert audited["jobs"][MODEL.name]["seconds"] == 2.0


def test_experiments_that_a_number_is_not_of_are_not_in_its_chain(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Job("number_search", (), ("weights",), ("found",), "search.manifest.json", "")
    table = Job(TABLE.rule, (), ("numbers", "found"), TABLE.outputs, TABLE.manifest, "")
    monkeypatch.setitem(DIGESTS, "found", "d5")
    world.jobs = [SOURCE, MODEL, COMPUTED, other, table]
    world.specs |= {job.name: spec(job) for job in (other, table)}
    world.manifests |= {job.manifest: manifest(job) for job in (other, table)}
    world.ledger = {}
    world.digests[Path("found")] = "d5"
    world.specs[other.name]["seed"] = 1
    number = {"number_id": "n", "sources": [MODEL.name], "computed": COMPUTED.name, "table": table.name}
    audited = account("x", world.audit(), [number])
    chain = [SOURCE.name, MODEL.name, COMPUTED.name, table.name]
    assert audited["numbers"][0]["jobs"] == chain == list(audited["jobs"])
    assert audited["numbers"][0]["verdict"] == audited["verdict"] == "verified", "the other is stale alone"


def test_walks_and_order_of_verdicts(world: World) -> None:
    assert lineage(world.audit(), [TABLE.name]) == [job.name for job in JOBS]
    assert worst([]) is Verdict.VERIFIED
    assert worst(Verdict) is Verdict.TAMPERED


def test_an_account_says_what_a_job_went_on_from(world: World) -> None:
    world.ledger = {}
    world.manifests[MODEL.manifest]["resumed_from"] = ["checkpoint.pt"]
    jobs = account("x", world.audit(), [], list(world.specs))["jobs"]
    assert [job.get("resumed_from") for job in jobs.values()] == [None, ["checkpoint.pt"], None, None]
    assert world.verdicts() == ["verified"] * 4
