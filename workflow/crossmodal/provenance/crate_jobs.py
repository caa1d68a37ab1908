"""The rules of a workflow as tools and steps in its crate, and every job as an action.

Terms are those of schema.org, Bioschemas and https://w3id.org/ro/terms/workflow-run, as the profiles of the
Workflow Run RO-Crate collection use them.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from crossmodal.provenance.audit import Node, Verdict
from crossmodal.provenance.crate_files import located, recorded
from crossmodal.provenance.differences import flatten

JOBS = "crossmodal.jobs."
COMPLETED = "http://schema.org/CompletedActionStatus"
BYTE = "https://qudt.org/vocab/unit/BYTE"
TYPES = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


@dataclass
class Slots:
    """The formal parameters of tools and workflow, and which files realised them in this run."""

    crate: ROCrate
    types: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    examples: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Ids of formal parameters by the id of a file."""

    def get(self, owner: Entity, side: str, name: str, kind: str) -> Entity:
        """Return the parameter on the `input` or `output` side of `owner`; made when first asked for."""
        base = owner.id if owner.id.startswith("#") else "#workflow"
        identifier = f"{base}/{side}/{quote(name, safe='.')}"
        self.types[identifier].add(kind)
        if slot := self.crate.get(identifier):
            return slot
        slot = self.crate.add_formal_parameter(name, kind, identifier, valueRequired=side == "input")
        owner.append_to(side, slot, compact=True)
        return slot

    def realise(self, owner: Entity, side: str, name: str, thing: Entity) -> None:
        """Note that a file realised a parameter; what lies outside the crate cannot be an example of one."""
        if thing.type != "CreativeWork":
            self.examples[thing.id][self.get(owner, side, name, "File").id] = None

    def close(self) -> None:
        """Write down what was noted: the type of each parameter and the parameters of each file."""
        for identifier, kinds in self.types.items():
            mixed = "Number" if kinds == {"Integer", "Float"} else "Text"
            self.crate.get(identifier)["additionalType"] = next(iter(kinds)) if len(kinds) == 1 else mixed
        for identifier, slots in self.examples.items():
            self.crate.get(identifier)["exampleOfWork"] = compact({"@id": slot} for slot in slots)


def compact(values: Iterable[Any]) -> Any:
    """Return the only value, or all of them as a list, as compacted JSON-LD has it."""
    listed = list(values)
    return listed[0] if len(listed) == 1 else listed


def step_id(rule: str) -> str:
    return f"#step/{quote(rule)}"


def tool_id(rule: str) -> str:
    return f"#rule/{quote(rule)}"


def add_tool(
    crate: ROCrate, workflow: Entity, nodes: Sequence[Node], position: int | None, version: str
) -> None:
    """Add the rule of some jobs as a tool, with the packages that they used, and as a step of the workflow."""
    rule = nodes[0].job.rule
    module = _module(nodes[0])
    properties = {
        "@type": "SoftwareApplication",
        "name": rule,
        "softwareVersion": version,
        "description": f"A rule of the workflow; its jobs run python -m {module}.",
    }
    tool = crate.add(ContextEntity(crate, tool_id(rule), properties))
    if source := crate.get(f"workflow/{module.replace('.', '/')}.py"):
        tool["url"] = source
    used = {(name, v): None for node in nodes for name, v in recorded(node)["versions"].items()}
    tool["softwareRequirements"] = compact(_package(crate, name, v) for name, v in used)
    properties = {"@type": "HowToStep", "name": rule, "workExample": tool}
    step = crate.add(ContextEntity(crate, step_id(rule), properties))
    if position:
        step["position"] = str(position)
    workflow.append_to("hasPart", tool, compact=True)
    workflow.append_to("step", step, compact=True)


def _module(node: Node) -> str:
    spec = recorded(node)["spec"]
    return next((name for name in spec["code"] if name.startswith(JOBS)), f"{JOBS}{spec['rule']}")


def _package(crate: ROCrate, name: str, version: str) -> Entity:
    address = f"https://pypi.org/project/{quote(name)}/{quote(version)}/"
    if name == "python":
        address = f"https://docs.python.org/release/{quote(version)}/"
    properties = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version, "url": address}
    return crate.get(address) or crate.add(ContextEntity(crate, address, properties))


def add_job(crate: ROCrate, node: Node, files: Mapping[str, Entity], slots: Slots) -> tuple[Entity, Entity]:
    """Add a job; return it as the run of its rule's tool and as the execution of its step."""
    manifest, rule = recorded(node), node.job.rule
    tool = crate.get(tool_id(rule))
    name = "/".join([quote(rule), *(quote(value, safe="") for _, value in node.job.wildcards)])
    things: dict[str, list[Entity]] = {"input": [], "output": []}
    for side, found in things.items():
        for argument, listed in manifest[f"{side}s"].items():
            for entry in listed:
                thing = files[located(entry["path"])]
                found.append(thing)
                slots.realise(tool, side, argument, thing)
    found = things["input"] + [_value(crate, tool, slots, *p) for p in _parameters(manifest["spec"])]
    action = crate.add_action(
        tool,
        f"#job/{name}",
        object=compact({thing.id: thing for thing in found}.values()),
        result=compact(things["output"]),
        properties={
            "name": node.job.name,
            "description": _description(node),
            "startTime": manifest["started"],
            "endTime": manifest["ended"],
            "actionStatus": COMPLETED,
            "resourceUsage": _memory(crate, f"#memory/{name}", manifest["peak_memory_bytes"]),
        },
    )
    files[located(node.job.manifest)]["about"] = action
    properties = {"@type": "ControlAction", "name": f"Step {node.job.name}", "actionStatus": COMPLETED}
    properties |= {"instrument": crate.get(step_id(rule)), "object": action}
    return action, crate.add(ContextEntity(crate, f"#control/{name}", properties))


def _parameters(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from flatten(spec["parameters"], "parameters")
    yield from (("seed", spec["seed"]), ("threads", spec["threads"]))


def _value(crate: ROCrate, tool: Entity, slots: Slots, key: str, value: Any) -> Entity:
    """Return the entity of a parameter's value; jobs of a rule with the same value share it."""
    slot = slots.get(tool, "input", key, TYPES.get(type(value), "Text"))
    text = json.dumps(value, ensure_ascii=False)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]
    properties = {"@type": "PropertyValue", "name": key, "exampleOfWork": slot}
    properties["value"] = value if type(value) in TYPES else text
    identifier = f"{slot.id}={digest}"
    return crate.get(identifier) or crate.add(ContextEntity(crate, identifier, properties))


def _memory(crate: ROCrate, identifier: str, peak: int) -> Entity:
    properties = {"@type": "PropertyValue", "name": "peak memory", "propertyID": "ru_maxrss"}
    return crate.add(ContextEntity(crate, identifier, {**properties, "unitCode": BYTE, "value": str(peak)}))


def _description(node: Node) -> str:
    manifest = recorded(node)
    state = " with local changes" if manifest["dirty"] else ""
    kept = manifest.get("resumed_from")
    resumed = f"; went on after an interruption from {', '.join(kept)}" if kept else ""
    findings = "; ".join(finding.detail for finding in node.findings)
    verdict = str(node.verdict) if node.verdict == Verdict.VERIFIED else f"{node.verdict} ({findings})"
    return (
        f"python -m {_module(node)} at commit {manifest['commit']}{state}, on {manifest['device']}"
        f" ({manifest['platform']}){resumed}; audit when the crate was made: {verdict}"
    )


def connect(crate: ROCrate, workflow: Entity, slots: Slots) -> None:
    """Say which output of a rule is which input of another and which result of the workflow.

    A connection is named by the receiving step, or by the workflow where that receives it.
    """
    pairs: dict[tuple[str, str], None] = {}
    for realised in slots.examples.values():
        outputs = [slot for slot in realised if slot.startswith("#rule/") and "/output/" in slot]
        targets = [slot for slot in realised if slot not in outputs]
        pairs |= {(source, target): None for source in outputs for target in targets}
    for source, target in pairs:
        properties = {"@type": "ParameterConnection"}
        properties |= {"sourceParameter": crate.get(source), "targetParameter": crate.get(target)}
        connection = crate.add(ContextEntity(crate, f"#connection/{source[1:]}={target[1:]}", properties))
        owner, rule = target[1:].split("/")[:2]
        receiver = crate.get(f"#step/{rule}") if owner == "rule" else workflow
        receiver.append_to("connection", connection, compact=True)
