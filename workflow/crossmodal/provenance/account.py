"""An audit as plain data: what `crossmodal audit --json` prints and the audit page draws."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crossmodal.provenance.audit import Node, Verdict, lineage, worst
from crossmodal.provenance.ledger import entries


def code_digest(spec: Mapping[str, Any]) -> str:
    """Return one digest for all the code of a spec."""
    return hashlib.sha256(json.dumps(spec["code"], sort_keys=True).encode()).hexdigest()[:12]


def seconds(manifest: Mapping[str, Any]) -> float:
    """Return how long a job ran, from after its imports to its last output."""
    ended, started = (datetime.fromisoformat(manifest[key]) for key in ("ended", "started"))
    return (ended - started).total_seconds()


def job_account(node: Node) -> dict[str, Any]:
    """Return what is known of one job: its verdict and findings, and what its manifest says."""
    account: dict[str, Any] = {
        "rule": node.job.rule,
        "wildcards": dict(node.job.wildcards),
        "verdict": str(node.verdict),
        "findings": [{"verdict": str(f.verdict), "detail": f.detail} for f in node.findings],
        "parents": list(node.parents),
        "manifest": node.job.manifest,
    }
    if (recorded := node.manifest) is None:
        return account
    spec = recorded["spec"]
    return account | {
        "parameters": spec["parameters"],
        "seed": spec["seed"],
        "threads": spec["threads"],
        "code": {"digest": code_digest(spec), "modules": spec["code"]},
        "environment": recorded["versions"],
        "platform": recorded["platform"],
        "device": recorded["device"],
        "started": recorded["started"],
        "seconds": round(seconds(recorded), 3),
        "peak_memory_bytes": recorded["peak_memory_bytes"],
        "commit": recorded["commit"],
        "dirty": recorded["dirty"],
        **({"resumed_from": recorded["resumed_from"]} if "resumed_from" in recorded else {}),
        **{
            side: [entry | {"found": node.found.get(entry["path"])} for entry in entries(recorded, side)]
            for side in ("inputs", "outputs")
        },
    }


def account(
    study: str, nodes: Mapping[str, Node], numbers: Sequence[Mapping[str, Any]], others: Sequence[str] = ()
) -> dict[str, Any]:
    """Return an audit: every number with its verdict and its jobs, and each of those jobs once.

    `numbers` are rows of metrics.parquet with `sources`, the names of the jobs that wrote what the number was
    computed from, `computed`, the job that computed it, and `table`, the one that joined it with all others; their
    chains run up to the source packages. `others` are jobs that are audited for their own sake.
    """
    rows, wanted = [], dict.fromkeys(others)
    for number in numbers:
        last = (number["computed"], number["table"])
        chain = list(dict.fromkeys([*lineage(nodes, number["sources"]), *last]))
        wanted |= dict.fromkeys(chain)
        rows.append({**number, "jobs": chain, "verdict": str(worst(nodes[name].verdict for name in chain))})
    jobs = {name: job_account(node) for name, node in nodes.items() if name in wanted}
    counts = {str(v): sum(job["verdict"] == v for job in jobs.values()) for v in Verdict}
    return {
        "study": study,
        "verdict": str(worst(nodes[name].verdict for name in jobs)),
        "counts": {verdict: count for verdict, count in counts.items() if count},
        "numbers": rows,
        "jobs": jobs,
    }
