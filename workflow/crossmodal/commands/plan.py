"""`crossmodal plan`: what a study will fetch, compute and store, before anything of it runs."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crossmodal.commands.context import StudyOption, overlays_of, resolve
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.commands.planning.known import Known, Work
    from crossmodal.commands.planning.throughput import Throughput

EXAMPLE = 30.0
"""TFLOP/s of the GPU that hours are given for as an example, where none is at hand."""
GIGA = 1e9


def plan(
    study: StudyOption = None,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="An overlay on params.yaml; may be given several times.")
    ] = None,
    teraflops: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="TFLOP/s that a GPU of yours reaches in training, where it is not here."
        ),
    ] = None,
    measure: Annotated[bool, typer.Option(help="Measure the throughput now, whatever has run here.")] = False,
) -> None:
    """List what a study downloads, its jobs, their hours, memory and disk; no network is used.

    Hours follow from operations and from the throughput of jobs that ran here or of a short measurement on this
    device. They leave out starting, reading files and waiting.
    """
    if study is not None and configfile:
        raise UserError("--study and --configfile both name the study; give one of the two")
    overlays = configfile or overlays_of(study)
    for path in overlays:
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    resolved = resolve(overlays)
    from crossmodal.commands.planning.known import Known
    from crossmodal.commands.planning.networks import networks_of
    from crossmodal.commands.planning.sizes import sizes_of
    from crossmodal.commands.planning.work import work_of

    known = Known(resolved, sizes_of(resolved), networks_of(resolved))
    works = list(work_of(known))
    throughput = _throughput(known, works, measure)
    console = Console(highlight=False)
    console.print(
        f"study {resolved.study}: {len(known.sizes)} datasets, {len(known.networks)} base models, "
        f"{len(resolved.adaptation.cells)} cells, {len(works):,} jobs"
    )
    console.print(_sources(known))
    console.print(_jobs(works, throughput, teraflops or EXAMPLE))
    for line in _notes(known, works, throughput, teraflops):
        console.print(escape(line), soft_wrap=True)


def _throughput(known: "Known", works: Sequence["Work"], measure: bool) -> "Throughput":
    from crossmodal.commands.planning.throughput import measured, recorded, whole_jobs
    from crossmodal.provenance.ledger import find_manifests, study_folders

    found = None
    if not measure:
        ran = whole_jobs(known.study, find_manifests(study_folders(known.study.study)))
        found = recorded(works, ran, known.study.study)
    return found or measured()


def _sources(known: "Known") -> Table:
    """Return what has to be there before the first job: where it comes from, under which terms."""
    table = Table("", "images", "captions", "from", "licence", title="Downloads", title_justify="left")
    for name, size in known.sizes.items():
        params = known.study.datasets[name]
        counts = (
            ["?", "?"] if size is None else [f"{sum(c.values()):,}" for c in (size.images, size.captions)]
        )
        packages = ", ".join(str(package) for package in params.packages())
        table.add_row(
            name, *counts, escape(packages or getattr(params, "source", "") or "made here"),
            escape(getattr(params, "licence", "see its data sheet")),
        )  # fmt: skip
    for name in known.study.used_models():
        params = known.study.models[name]
        origin = ", ".join(str(package) for package in params.packages())
        if params.kind == "hub":
            origin = origin or f"hub: {params.architecture}/{params.pretrained}, not pinned"
        table.add_row(name, "", "", escape(origin or f"made here ({params.kind})"), "")
    return table


def _jobs(works: Iterable["Work"], throughput: "Throughput", teraflops: float) -> Table:
    """Return the jobs by rule, with what they take together and the most memory that one needs."""
    columns = ("rule", "jobs", "PFLOP", f"hours, {throughput.device}", f"GPU hours, {teraflops:g} TFLOP/s")
    table = Table(*columns, "memory, GB", "disk, GB", title="Jobs", title_justify="left", show_footer=True)
    table.columns[0].no_wrap = True  # a rule's name cut in two is none; numbers' titles may break
    for column in table.columns[1:]:
        column.justify = "right"
    rows = []
    by_rule = {rule: list(group) for rule, group in groupby(sorted(works, key=_rule), key=_rule)}
    for rule, own in sorted(by_rule.items(), key=lambda pair: -sum(work.flops or 0 for work in pair[1])):
        flops = sum(work.flops or 0 for work in own)
        hours = sum(throughput.hours(work) or 0 for work in own)
        memory = max(work.memory or 0 for work in own)
        disk = sum(work.disk for work in own)
        rows.append((len(own), flops, hours, memory, disk))
        unknown = " + ?" if any(work.flops is None for work in own) else ""
        table.add_row(
            rule, f"{len(own):,}", (f"{flops / 1e15:,.1f}" if flops else "") + unknown,
            f"{hours:,.1f}" if flops else "", f"{flops / teraflops / 1e12 / 3600:,.1f}" if flops else "",
            f"{memory / GIGA:.1f}" if memory else "", f"{disk / GIGA:,.1f}" if disk else "",
        )  # fmt: skip
    count, flops, hours, _, disk = (sum(column) for column in zip(*rows, strict=True))
    memory = max(row[3] for row in rows)
    footers = [
        f"{count:,}", f"{flops / 1e15:,.1f}", f"{hours:,.1f}", f"{flops / teraflops / 1e12 / 3600:,.1f}",
        f"{memory / GIGA:.1f}", f"{disk / GIGA:,.1f}",
    ]  # fmt: skip
    for column, footer in zip(table.columns, ["together; most memory", *footers], strict=True):
        column.footer = footer
    return table


def _rule(work: "Work") -> str:
    return work.rule


def _notes(
    known: "Known", works: Sequence["Work"], throughput: "Throughput", teraflops: float | None
) -> Iterable[str]:
    """Yield what the tables rest on and what they leave out."""
    yield (
        f"Throughput of {throughput.device}: {throughput.training / 1e12:.3f} TFLOP/s in training, "
        f"{throughput.inference / 1e12:.3f} in inference, of {throughput.source}; one process, on a CPU one core."
    )
    of = "as given" if teraflops else f"{EXAMPLE:g} TFLOP/s is an example and not measured; give --teraflops"
    yield f"GPU hours: {of}. Where a GPU is at hand, the column before is measured on it."
    unknown = [name for name, size in known.sizes.items() if size is None]
    unknown += [name for name, network in known.networks.items() if network is None]
    if unknown:
        yield f"Not known before they are built, and counted as nothing: {', '.join(unknown)}."
    yield (
        "Memory is that of weights, gradients, optimiser and one batch in float32, without the libraries; disk is "
        "that of built datasets, models and embeddings, beside what is downloaded. "
        "What has no operations runs on a CPU."
    )
