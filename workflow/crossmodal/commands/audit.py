"""`crossmodal audit`: where does a number come from, and does every step of it still hold?"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from crossmodal.commands.context import Context, StudyOption, load_context
from crossmodal.errors import UserError
from crossmodal.provenance.account import account
from crossmodal.provenance.audit import Node, lineage
from crossmodal.provenance.ledger import LEDGER


def audit(
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[NUMBER_ID]...", help="Number ids; * and ? match.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every number and every job of the study.")
    ] = False,
    published: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Every number that the report, the README or docs/results.md states, and whether these pages and "
            "the report's are those of this study.",
        ),
    ] = False,
    study: StudyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that is known, as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page that draws each number's chain.")
    ] = None,
    cache: Annotated[
        bool,
        typer.Option(help="Trust digests taken before of files whose inode, size and times are the same."),
    ] = True,
) -> None:
    """Say of each number which jobs it comes from and whether each still holds.

    Verdicts: verified, accepted (a declared code edit), stale, unrecorded, missing, tampered. The exit
    status is 0 only if all is verified.
    """
    from crossmodal.commands.audit_text import console, print_account

    if not (numbers or everything or published):
        raise UserError("nothing to audit: name a number id or a glob, or give --all or --report")
    context = load_context(study)
    rows = _select(context, numbers or [], everything, published)
    nodes = context.audit(cache=cache)
    others = list(nodes) if everything else lineage(nodes, ["write_report"]) if published else []
    audited = account(context.study.study, nodes, _with_jobs(context, rows), others)
    if html:
        from crossmodal.report.audit_page import write_audit_page

        write_audit_page(audited, html)
    if as_json:
        print(json.dumps(audited, indent=1, ensure_ascii=False))
    else:
        print_account(audited, console())
        if html:
            print(f"page: {html}")
    wrong = [*unpublished(context), *outdated_drawing(context, nodes)] if published else []
    for line in wrong:
        print(line, file=sys.stderr)
    if audited["verdict"] != "verified" or wrong:
        raise typer.Exit(1)


def _select(context: Context, patterns: list[str], everything: bool, published: bool) -> list[dict[str, Any]]:
    """Return the rows of metrics.parquet that are asked for, in file order."""
    from fnmatch import fnmatchcase

    from crossmodal.statistics.numbers import read_numbers

    results = Path("results") / context.study.study
    path = results / "metrics.parquet"
    if not path.exists():
        if everything:
            return []  # the jobs alone say what is missing
        raise UserError(f"{path}: not here; `crossmodal restore` fetches what is published, or run the study")
    found = {number.number_id: number for number in read_numbers(path)}
    wanted = set(found) if everything else set()
    if published:
        stated = _stated(results, _published_as(context))
        if unknown := sorted(stated - set(found)):
            raise UserError(f"{unknown[0]}: stated in a published page, but no number of this study")
        wanted |= stated
    for pattern in patterns:
        # Ids hold `*` themselves (all seeds), so an id goes before a glob.
        matching = {pattern} & set(found) or {n for n in found if fnmatchcase(n, pattern)}
        if not matching:
            raise UserError(f"no number id matches {pattern!r}; `crossmodal numbers` lists them")
        wanted |= matching
    return [{"number_id": name} | asdict(number) for name, number in found.items() if name in wanted]


def _published_as(context: Context) -> str:
    """Return the name of the study in the published pages, where the default study has none."""
    return context.study.study if context.overlays else ""


def _stated(results: Path, name: str) -> set[str]:
    """Return the ids of all numbers that the study's report, its verdicts and the published pages rest on."""
    from urllib.parse import unquote

    from crossmodal.commands.pages import stated_numbers

    ids = stated_numbers(name)
    report = results / "report" / "index.html"
    if report.exists():
        links = re.findall(r'href="audit\.html#([^"]+)"', report.read_text(encoding="utf-8"))
        ids.update(unquote(link) for link in links)
    verdicts = results / "hypotheses.json"
    if verdicts.exists():
        ids.update(number for verdict in json.loads(verdicts.read_text()) for number in verdict["number_ids"])
    return ids


def unpublished(context: Context) -> list[str]:
    """Return in which ways what is published is not the study that is here: a line each, none if it is.

    The pages are made from the published numbers and the ledger; here those two must be this folder's own. A
    study that no page speaks of and that is not published is not asked for.
    """
    from crossmodal.commands.pages import outdated_pages
    from crossmodal.statistics.numbers import read_numbers
    from crossmodal.statistics.published import as_published, published_path, read_published

    name = context.study.study
    lines = [
        f"{page}: its tables are not the published numbers of this study; `crossmodal publish` writes them"
        for page in outdated_pages(name, _published_as(context))
    ]
    if not published_path(name).exists():
        return lines
    others = [job.manifest for job in context.jobs if _ledger_differs(context, job.manifest)]
    if others:
        lines.append(
            f"{LEDGER}: {len(others)} of {len(context.jobs)} jobs are other runs than those here ({others[0]} "
            "first); `crossmodal restore` fetches those that are published, `crossmodal publish` publishes these"
        )
    known = read_published(name)
    here = {n.number_id: as_published(n) for n in read_numbers(Path("results") / name / "metrics.parquet")}
    wrong = [id for id in dict.fromkeys([*known, *here]) if known.get(id) != here.get(id)]
    if wrong:
        lines.append(
            f"{published_path(name)}: {len(wrong):,} of {len(known):,} numbers are not those that are here"
            f" ({wrong[0]} first); `crossmodal compare --all` sets them side by side"
        )
    return lines


def outdated_drawing(context: Context, nodes: Mapping[str, Node]) -> list[str]:
    """Return a line if the page that the report's numbers link to is not this audit, drawn; none if there is none.

    No job makes it, so no digest is recorded of it. It is the same bytes for the same audit: its only times are
    those of the manifests.
    """
    from crossmodal.report.audit_page import audit_page
    from crossmodal.report.section import AUDIT

    study = context.study.study
    page = Path("results") / study / "report" / AUDIT
    if not page.exists():
        return []
    rows = _with_jobs(context, _select(context, [], everything=True, published=False))
    drawn = audit_page(account(study, nodes, rows, list(nodes)), page)
    if page.read_bytes() == drawn.encode():
        return []
    whose = f" --study {study}" if context.overlays else ""
    return [
        f"{page}: not what an audit of this study draws now; "
        f"`crossmodal audit --all{whose} --html {page}` draws it"
    ]


def _ledger_differs(context: Context, manifest: str) -> bool:
    return context.ledger.get(manifest) != context.manifests.get(manifest)


def number_files(study: str) -> list[Path]:
    """Return the tables of numbers of a study that the one of all numbers is joined from, those that are here."""
    return sorted(Path("results", study, "numbers").glob("*.parquet"))


def number_ids(path: Path) -> list[str]:
    """Return the ids in a table of numbers; none where it cannot be read, which the audit of its job tells."""
    from crossmodal.data.tables import read_table

    try:
        ids: list[str] = read_table(path, ["number_id"]).column("number_id").to_pylist()
    except UserError:
        return []
    return ids


def _with_jobs(context: Context, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each number the jobs that wrote its sources, the one that computed it and the one that joined it."""
    writer = {path: job.name for job in context.jobs for path in job.outputs}
    table = writer[f"results/{context.study.study}/metrics.parquet"]
    computed = {
        name: writer[str(path)]
        for path in number_files(context.study.study)
        if str(path) in writer
        for name in number_ids(path)
    }
    numbers = []
    for row in rows:
        sources = dict.fromkeys(writer[path] for path in row["source"].split(";") if path in writer)
        computing = computed.get(row["number_id"], table)
        numbers.append(row | {"sources": list(sources), "computed": computing, "table": table})
    return numbers
