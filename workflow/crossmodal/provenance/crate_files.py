"""The files of a crate as entities: what each is, its size and digest, and whose terms it is under."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from crossmodal.provenance.audit import Node
from crossmodal.provenance.ledger import entries

WORKFLOW = "Snakefile"

DATA = "data/"
"""Under it lies what is made of other people's work and nothing else: datasets and their shifts."""

MEDIA_TYPES = {
    "": "text/plain",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".py": "text/x-python",
    ".rst": "text/x-rst",
    ".smk": "text/x-python",
    ".tgz": "application/gzip",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
}
"""By suffix; not the mimetypes module's, whose answers differ between machines."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record of a file."""

    md5: str
    bytes: int


def recorded(node: Node) -> Mapping[str, Any]:
    """Return the manifest of a job; a crate of jobs without one is refused before anything is described."""
    assert node.manifest is not None
    return node.manifest


def located(path: str | Path) -> str:
    """Return the place of a project's file in the crate: its path without detours."""
    return Path(os.path.normpath(path)).as_posix()


def add_files(
    crate: ROCrate,
    nodes: Sequence[Node],
    records: Mapping[str, Record],
    external: Mapping[str, Record],
    engine_version: str,
) -> dict[str, Entity]:
    """Add an entity for each file and return them by path, those of the run's inputs from elsewhere too."""
    known = _packages(nodes)
    for path, terms in _licences(nodes).items():
        known.setdefault(path, {})["license"] = terms if len(terms) > 1 else terms[0]
    files: dict[str, Entity] = {}
    for path, record in records.items():
        properties = {"name": path, **_measures(path, record), **known.get(path, {})}
        if path == WORKFLOW:
            properties["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
            files[path] = crate.add_workflow(
                path, path, properties=properties, main=True, lang="snakemake", lang_version=engine_version
            )
        else:
            files[path] = crate.add_file(path, path, properties=properties)
    for path, record in external.items():
        properties = {
            "@type": "CreativeWork",
            "name": Path(path).name,
            "description": "Read by the run from outside the project and not part of this crate.",
            **_measures(path, record),
        }
        files[path] = crate.add(ContextEntity(crate, f"#external/{record.md5}", properties))
    return files


def _measures(path: str, record: Record) -> dict[str, str]:
    media_type = MEDIA_TYPES.get(Path(path).suffix, "application/octet-stream")
    return {"contentSize": str(record.bytes), "md5": record.md5, "encodingFormat": media_type}


def _packages(nodes: Sequence[Node]) -> dict[str, dict[str, Any]]:
    """Return name, version and digest of the packages that were fetched, by the path of the archive."""
    packages = {}
    for node in nodes:
        pin = recorded(node)["spec"]["parameters"]
        for digest in {"sha512", "sha256"} & pin.keys():
            for entry in entries(recorded(node), "outputs"):
                packages[located(entry["path"])] = {
                    "name": f"{pin['name']} {pin['version']}",
                    "version": pin["version"],
                    digest: pin[digest],
                    # https://github.com/package-url/purl-spec
                    "identifier": f"pkg:{pin.get('index', 'npm')}/{quote(pin['name'])}@{pin['version']}",
                }
    return packages


def _licences(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """Return the licences of data files that are other people's work, by path.

    A dataset and its packages have those that the dataset's sheet names; what is derived from it below data/
    has its licences too. The rest is the study's own, under the crate's licence.
    """
    licences: dict[str, list[str]] = {}
    packages = {pin["sha512"]: path for path, pin in _packages(nodes).items() if "sha512" in pin}
    for node in nodes:
        manifest = recorded(node)
        sources: list[dict[str, str]] = []
        for entry in manifest["outputs"].get("sheet", []):
            sources += json.loads(Path(entry["path"]).read_text(encoding="utf-8"))["sources"]
        for source in sources:
            if archive := packages.get(source.get("sha512", "")):
                licences[archive] = [source["licence"]]
        read = [licences.get(located(entry["path"]), []) for entry in entries(manifest, "inputs")]
        terms = dict.fromkeys([*(source["licence"] for source in sources), *(t for ts in read for t in ts)])
        for entry in entries(manifest, "outputs"):
            if terms and entry["path"].startswith(DATA):
                licences[located(entry["path"])] = list(terms)
    return licences
