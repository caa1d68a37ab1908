"""The metadata of a crate: the study, its workflow, who ran it, and the run as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity, Person
from rocrate.rocrate import ROCrate

from crossmodal.provenance.audit import Node
from crossmodal.provenance.crate_files import Record, add_files, located, recorded
from crossmodal.provenance.crate_jobs import COMPLETED, Slots, add_job, add_tool, compact, connect

METADATA = "ro-crate-metadata.json"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    address: {"@type": "CreativeWork", "name": name, "version": address.rpartition("/")[2]}
    for address, name in (
        ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate"),
        ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate"),
        ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate"),
        ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate"),
    )
}
SNAKEMAKE = "https://snakemake.github.io"


@dataclass(frozen=True, slots=True)
class About:
    """What the manifests of a study do not say of it."""

    study: str
    project: tuple[Path, ...]
    """The files of the workflow: the Snakefile, rules, library, environments, documents."""
    configuration: tuple[Path, ...]
    """Those of them that hold the parameters."""
    version: str
    engine_version: str
    licence: str
    """Of the workflow and of what the study made: an SPDX identifier or an address."""
    author: str | None
    published: str
    """ISO 8601."""


def describe(
    nodes: Sequence[Node],
    about: About,
    records: Mapping[str, Record],
    external: Mapping[str, Record],
    folder: Path,
) -> int:
    """Write the metadata of the crate in `folder` and return how many jobs it describes.

    `records` are the files in the crate, `external` those that jobs read from elsewhere. The same study gives
    the same metadata, but for the time of publication.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    files = add_files(crate, nodes, records, external, about.engine_version)
    author = _author(crate, about.author)
    licence = _licence(crate, about.licence)
    _describe_root(crate, about, licence, author, len(nodes))
    workflow = _describe_workflow(crate, about, licence, author)
    by_rule: dict[str, list[Node]] = {}
    for node in nodes:
        by_rule.setdefault(node.job.rule, []).append(node)
    positions = _positions(nodes)
    for rule, jobs in by_rule.items():
        add_tool(crate, workflow, jobs, positions.get(rule), about.version)
    slots = Slots(crate)
    added = [add_job(crate, node, files, slots) for node in nodes]
    actions, controls = [action for action, _ in added], [control for _, control in added]
    run = _add_run(crate, nodes, about, files, slots)
    engine = _add_engine(crate, about, controls, run)
    if author:
        for action in (*actions, run, engine):
            action["agent"] = author
    slots.close()
    connect(crate, workflow, slots)
    crate.root_dataset["mentions"] = [run, *actions]
    crate.metadata.write(folder)
    return len(actions)


def _positions(nodes: Sequence[Node]) -> dict[str, int]:
    """Return the place of each rule in an order where none reads what a later one writes; {} if none exists."""
    rule_of = {node.job.name: node.job.rule for node in nodes}
    above: dict[str, list[str]] = {}
    for node in nodes:
        parents = [rule_of[name] for name in node.parents if rule_of[name] != node.job.rule]
        above.setdefault(node.job.rule, []).extend(parents)
    try:
        return {rule: i for i, rule in enumerate(TopologicalSorter(above).static_order(), start=1)}
    except CycleError:
        return {}


def _author(crate: ROCrate, name: str | None) -> Entity | None:
    return crate.add(Person(crate, f"#person/{quote(name, safe='')}", {"name": name})) if name else None


def _licence(crate: ROCrate, licence: str) -> Entity:
    address = licence if "://" in licence else f"https://spdx.org/licenses/{quote(licence)}"
    return crate.add(ContextEntity(crate, address, {"@type": "CreativeWork", "name": licence}))


def _describe_root(crate: ROCrate, about: About, licence: Entity, author: Entity | None, jobs: int) -> None:
    root = crate.root_dataset
    root["name"] = f"Run of study {about.study}"
    root["description"] = (
        f"Study {about.study!r} of efficient and robust image-text retrieval: its workflow, the {jobs} jobs of"
        " its run and every file that they read and wrote. Data files are under the licences of their sources."
    )
    root["license"] = licence
    root["datePublished"] = about.published
    root["conformsTo"] = [crate.add(ContextEntity(crate, *profile)) for profile in PROFILES.items()]
    if author:
        root["author"] = author
    if readme := crate.get("README.md"):
        readme["about"] = root


def _describe_workflow(crate: ROCrate, about: About, licence: Entity, author: Entity | None) -> Entity:
    workflow = crate.mainEntity
    workflow["name"] = "crossmodal"
    workflow["description"] = "Snakemake workflow of a study of image-text retrieval."
    workflow["version"] = about.version
    workflow["license"] = licence
    workflow["conformsTo"] = {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"}
    if author:
        workflow["creator"] = workflow["sdPublisher"] = author
    if readme := crate.get("README.md"):
        workflow["url"] = readme
    return workflow


def _add_run(
    crate: ROCrate, nodes: Sequence[Node], about: About, files: Mapping[str, Entity], slots: Slots
) -> Entity:
    """Add the run of the workflow, from what no job wrote to what no job reads."""
    sides = {
        side: {
            located(entry["path"]): f"{node.job.rule}.{argument}"
            for node in nodes
            for argument, listed in recorded(node)[side].items()
            for entry in listed
        }
        for side in ("inputs", "outputs")
    }
    manifests = {located(node.job.manifest) for node in nodes}
    sources = {located(path): path.name for path in about.configuration}
    sources |= {
        p: name for p, name in sides["inputs"].items() if p not in sides["outputs"].keys() | manifests
    }
    results = {path: name for path, name in sides["outputs"].items() if path not in sides["inputs"]}
    workflow = crate.mainEntity
    for side, found in (("input", sources), ("output", results)):
        for path, name in found.items():
            slots.realise(workflow, side, name, files[path])
    return crate.add_action(
        workflow,
        "#run",
        object=compact(files[path] for path in sources),
        result=compact(files[path] for path in results),
        properties={
            "name": f"Run of study {about.study}",
            "description": f"All {len(nodes)} jobs of study {about.study}, which need not have run in one go.",
            **_times(nodes),
            "actionStatus": COMPLETED,
        },
    )


def _times(nodes: Sequence[Node]) -> dict[str, Any]:
    # All in UTC and of one precision, so their order is that of the text.
    return {
        "startTime": min(recorded(node)["started"] for node in nodes),
        "endTime": max(recorded(node)["ended"] for node in nodes),
    }


def _add_engine(crate: ROCrate, about: About, controls: Sequence[Entity], run: Entity) -> Entity:
    properties = {"@type": "SoftwareApplication", "name": "Snakemake", "url": SNAKEMAKE}
    properties["softwareVersion"] = about.engine_version
    engine = crate.add(ContextEntity(crate, SNAKEMAKE, properties))
    return crate.add_action(
        engine,
        "#snakemake",
        object=compact(controls),
        result=run,
        properties={
            "@type": "OrganizeAction",
            "name": f"Snakemake {about.engine_version}",
            "startTime": run["startTime"],
            "endTime": run["endTime"],
            "actionStatus": COMPLETED,
        },
    )
