"""What the commands about provenance start from: the study as it is now and as it was recorded."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from crossmodal.errors import UserError
from crossmodal.parameters import merge
from crossmodal.provenance.audit import Node, audit_jobs, files_of
from crossmodal.provenance.dag import Job, list_jobs
from crossmodal.provenance.digests import CACHE, md5_of
from crossmodal.provenance.ledger import Manifest, find_manifests, published_manifests, study_folders
from crossmodal.provenance.recorded import recorded_overlay
from crossmodal.provenance.waivers import Waiver, read_waivers
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import Study, load_study

PARAMS = Path("params.yaml")

StudyOption = Annotated[
    str | None,
    typer.Option(
        "--study",
        help="Name of the study (its overlay is studies/NAME.yaml, or what its last run recorded in "
        "results/NAME), or the file of its overlay. Default: params.yaml's.",
    ),
]


def name_of(study: str | None) -> str:
    """Return the name of a study, given by name or by its overlay; none stands for the one of params.yaml."""
    if study is None or not is_overlay(study):
        return study or str(read_yaml(PARAMS).get("study", ""))
    name = read_yaml(Path(study)).get("study")
    if name is None:
        raise UserError(f"{study}: does not say which study it describes; `study: NAME` is missing in it")
    return str(name)


def is_overlay(study: str) -> bool:
    """Return whether a study is given by the file of its overlay and not by its name."""
    return study.endswith((".yaml", ".yml"))


def overlays_of(study: str | None) -> list[Path]:
    """Return the overlays that describe the study of a name; UserError if there is none of that name.

    One whose overlay lies elsewhere is known by what its last run recorded (provenance/recorded.py).
    """
    if study in (None, read_yaml(PARAMS).get("study")):
        return []
    if study is not None and is_overlay(study):
        _refuse_another(Path(study), name_of(study))
        return [Path(study)]
    path = Path("studies") / f"{study}.yaml"
    recorded = recorded_overlay(str(study))
    if path.is_file() or recorded.is_file():
        overlay = path if path.is_file() else recorded
        _refuse_another(overlay, str(study))
        if overlay is recorded:
            print(f"study {study}: as its last run recorded it in {recorded}", file=sys.stderr)
        return [overlay]
    written = {p.stem for p in Path("studies").glob("*.yaml")}
    ran = {p.name for p in Path("results").glob("*") if recorded_overlay(p.name).is_file()}
    known = ", ".join(["params.yaml's own", *sorted(written | ran)])
    raise UserError(f"{path}: no such study; there are: {known}; and none called {study} was run here")


def _refuse_another(overlay: Path, study: str) -> None:
    """Raise UserError where an overlay describes another study: that one's jobs would answer for this one's."""
    found = written_parameters([overlay]).get("study")
    if str(found) != study:
        raise UserError(f"{overlay}: describes study {found}, not {study}; `study: {study}` is missing in it")


def resolve(overlays: Sequence[Path]) -> Study:
    """Return the study that params.yaml with `overlays` describes."""
    return load_study(read_yaml(PARAMS), _overrides(overlays))


def written_parameters(overlays: Sequence[Path]) -> dict[str, Any]:
    """Return params.yaml with `overlays` as it is written: not checked, and without what is left to defaults."""
    written: dict[str, Any] = merge(read_yaml(PARAMS), _overrides(overlays))
    return written


def _overrides(overlays: Sequence[Path]) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    for path in overlays:
        overrides = merge(overrides, read_yaml(path))
    return overrides


@dataclass(frozen=True)
class Context:
    """A study now (jobs and the specs that they would have) and on record (manifests, ledger, waivers)."""

    study: Study
    overlays: list[Path]
    jobs: list[Job]
    specs: dict[str, dict[str, Any]]
    manifests: dict[str, Manifest]
    ledger: dict[str, Manifest]
    waivers: list[Waiver]
    programs: dict[str, str] = field(default_factory=dict)
    """The module that the jobs of each rule run."""

    def audit(self, jobs: Sequence[Job] | None = None, *, cache: bool = True) -> dict[str, Node]:
        """Return the nodes of `jobs` (default: all), with every file hashed that they read or wrote."""
        wanted = self.jobs if jobs is None else jobs
        known = self.ledger | self.manifests
        digests = md5_of(files_of(wanted, known), CACHE if cache else None)
        return audit_jobs(
            wanted, self.specs, self.manifests, self.ledger, digests, self.waivers, self.programs or None
        )


def load_context(study: str | None) -> Context:
    """Return what is known of the study of a name; None for that of params.yaml."""
    return context_of(overlays_of(study))


def context_of(overlays: list[Path]) -> Context:
    """Return what is known of a study; Snakemake is asked for its jobs while the manifests are read."""
    from crossmodal.study.specs import rules_of, spec

    resolved = resolve(overlays)
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(list_jobs, overlays)
        manifests = find_manifests(study_folders(resolved.study))
        jobs: list[Job] = listing.result()
    specs = {job.name: json.loads(spec(resolved, job.rule, **dict(job.wildcards))) for job in jobs}
    ledger = published_manifests({job.manifest for job in jobs})
    programs = {name: rule.entry for name, rule in rules_of(resolved).items()}
    return Context(resolved, overlays, jobs, specs, manifests, ledger, read_waivers(), programs)
