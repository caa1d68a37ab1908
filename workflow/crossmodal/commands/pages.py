"""The published pages: the tables of README.md and of docs/ are made from what is committed alone.

A page has places `<!-- table:NAME -->` for tables of the default study and `<!-- table:STUDY/NAME -->` for
those of another. They are filled from the published numbers (statistics/published.py) and the ledger, never
from what lies in results/, so a page is right or wrong on every machine alike. The ids of the numbers that a
page states stand beside it, in `<page>.numbers.json`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.commands.chain import chain_text
from crossmodal.commands.then_and_now import then_and_now
from crossmodal.errors import UserError
from crossmodal.provenance.ledger import LEDGER, Manifest, read_ledger, study_folders
from crossmodal.report.accuracy import (
    accuracy_table,
    captions_table,
    concepts_table,
    domains_table,
    subsets_table,
)
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import (
    NOTHING,
    blocks,
    fill,
    hypotheses_markdown,
    stray_marker,
    tables_markdown,
)
from crossmodal.report.performance import stages_table, totals_table
from crossmodal.report.section import grid_of
from crossmodal.report.tables import Tables
from crossmodal.report.verdicts import read_hypotheses
from crossmodal.statistics.claims import Claim
from crossmodal.statistics.hypotheses import Hypothesis, judge
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.published import read_published
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters

PAGES = (Path("README.md"), Path("docs/results.md"), Path("docs/protocol.md"))
TIMES = Path("docs/performance.md")
"""Says of the default study how long its published run took; its other tables are benchmarks'."""
HYPOTHESES, THEN_AND_NOW, CHAIN = "hypotheses", "then-and-now", "chain"
NEEDED: dict[str, dict[str, type]] = {
    "join": {"target": str, "cells": dict, "rooms": list},
    "draw": {"target": str, "cells": dict, "room": dict},
}
"""The parameters, with their types, that tables are made of: of the join of numbers and of a section."""

Stated = dict[str, list[str]]
"""The ids that each table of a page states, by the table's name."""


def _pages() -> list[Path]:
    """Return the published pages that are here: a copy of the study's files alone has none."""
    return [page for page in PAGES if page.exists()]


def written_pages() -> list[Path]:
    """Return every page that people read, those whose tables are not of a study's numbers among them."""
    return [path for path in (Path("README.md"), *sorted(Path("docs").glob("*.md"))) if path.exists()]


def check_markers() -> None:
    """Raise UserError for the first page with a marker of a table that is part of no block."""
    for page in written_pages():
        if stray := stray_marker(page.read_text()):
            line, marker = stray
            raise UserError(
                f"{page}:{line}: {marker!r} is part of no block <!-- table:NAME --> ... <!-- /table -->, so "
                "nothing fills what stands there; write the marker of a block, or leave it out"
            )


def companion(page: Path) -> Path:
    """Return the file beside a page that holds the ids of its numbers."""
    return page.with_suffix(".numbers.json")


def fill_pages(study: str, prefix: str = "") -> list[Path]:
    """Fill the published pages with the tables of a study, and return the files that changed.

    `prefix` is what the names of its tables begin with: nothing for the default study, else its name. UserError
    for a marker that is part of no block.
    """
    changed = []
    for _, path, content in _files(study, prefix):
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
            changed.append(path)
    return changed


def outdated_pages(study: str, prefix: str = "") -> list[Path]:
    """Return the published pages whose tables are not those of the published numbers of a study.

    UserError for a marker that is part of no block.
    """
    wrong = (
        page
        for page, path, content in _files(study, prefix)
        # Without a companion nothing is stated.
        if (path.read_text() if path.exists() else _json({})) != content
    )
    return list(dict.fromkeys(wrong))


def _files(study: str, prefix: str) -> Iterator[tuple[Path, Path, str]]:
    """Yield each published page with every file that it consists of and what that must hold."""
    check_markers()
    for page in _pages():
        text, stated = filled(page, study, prefix)
        yield page, page, text
        yield page, companion(page), _json(stated)
    if not prefix and (timed := _times(study)) is not None:
        yield TIMES, TIMES, timed


def _times(study: str) -> str | None:
    """Return the text of TIMES with how long the published run of a study took, None where it has no such place.

    How many cores the machine had is no part of a manifest: it stays as it stands there.
    """
    text = TIMES.read_text() if TIMES.exists() else ""
    places = set(blocks(text)) & {"totals", "stages"}
    cores = re.search(r"of (\d+) cores", text)
    if not places or not cores:
        return None
    folders = study_folders(study)
    run = [m for path, m in read_ledger().items() if any(Path(path).is_relative_to(f) for f in folders)]
    tables = {"totals": totals_table(run, int(cores[1])), "stages": stages_table(run)}
    others = [name for name in blocks(text) if name not in places]
    return fill(text, {name: tables[name] for name in places}, others)


def filled(page: Path, study: str, prefix: str = "") -> tuple[str, Stated]:
    """Return the text of `page` with the tables of a study in their places, and the ids that its tables state."""
    text = page.read_text()
    own = [name for name in blocks(text) if name.rpartition("/")[0] == prefix]
    # Of a study that no page speaks of nothing need be published.
    found = published_tables(study) if own else {}
    if unknown := [name for name in own if name.rpartition("/")[2] not in found]:
        raise UserError(f"{page}: no table is called {unknown[0]!r}; there are {', '.join(sorted(found))}")
    tables = {name: found[name.rpartition("/")[2]] for name in own}
    known = read_stated(page) | {name: ids for name, (_, ids) in tables.items()}
    stated = {name: known[name] for name in blocks(text) if name in known}
    others = [name for name in blocks(text) if name not in own]
    return fill(text, {name: body for name, (body, _) in tables.items()}, others), stated


def read_stated(page: Path) -> Stated:
    """Return the ids that each table of a page states, as its companion has them."""
    path = companion(page)
    if not path.exists():
        return {}
    try:
        found: Stated = json.loads(path.read_text())
        return {str(name): [str(number) for number in ids] for name, ids in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{path}: no lists of ids by table ({error}); `git checkout {path}` has them"
        ) from None


def stated_numbers(prefix: str = "") -> set[str]:
    """Return the ids that the published pages state in the tables of a study."""
    return {
        number
        for page in _pages()
        for name, ids in read_stated(page).items()
        if name.rpartition("/")[0] == prefix
        for number in ids
    }


def published_tables(study: str) -> dict[str, tuple[str, list[str]]]:
    """Return every table that a page may hold, by name: its Markdown and the ids of its numbers."""
    ledger = read_ledger()
    join = _parameters(ledger, study, "join_numbers")
    known = read_published(study)
    numbers = Numbers(pd.DataFrame([asdict(n) | {"number_id": name} for name, n in known.items()]))
    hypotheses = [asdict(hypothesis) for hypothesis in _judged(join, known.values())]
    ids = [id for h in read_hypotheses(hypotheses, numbers) for id in h.number_ids]
    grid = grid_of(join, numbers, [])
    drawn: Tables = {
        "results": [("", accuracy_table(numbers, grid))],
        "concepts": [("", concepts_table(numbers, grid))],
        "captions": [("", captions_table(numbers, grid))],
        "subsets": [("", subsets_table(numbers, grid))],
        "domains": [("", domains_table(numbers, grid))],
    }
    for room, _ in join["rooms"]:
        values = _parameters(ledger, study, f"draw_{room}")
        drawn |= registry.room(room, "section").tables(numbers, grid, values)
    return {
        HYPOTHESES: (hypotheses_markdown(hypotheses, numbers), list(dict.fromkeys(ids))),
        THEN_AND_NOW: then_and_now(study, numbers),
        CHAIN: _chain(study, ids, known, ledger),
        **{
            name: (tables_markdown(tables), [id for _, table in tables for id in table.number_ids()])
            for name, tables in drawn.items()
        },
    }


def _chain(
    study: str, ids: Sequence[str], known: Mapping[str, Number], ledger: Mapping[str, Manifest]
) -> tuple[str, list[str]]:
    """Return the chain of a recall of the cell that is judged first, and its id."""
    cell = known[ids[0]].cell if ids else None
    recalls = (
        name for name, n in known.items() if n.metric == "recall@1" and (n.seed, n.cell) == ("*", cell)
    )
    name = next(recalls, None)
    text = chain_text(known[name], study, ledger) if name else ""
    return (text, [name]) if name and text else (NOTHING, [])


def published_hypotheses(study: str) -> list[Hypothesis]:
    """Return the verdicts on the claims of a study, judged from its published numbers."""
    join = _parameters(read_ledger(), study, "join_numbers")
    return _judged(join, read_published(study).values())


def _judged(join: Mapping[str, Any], numbers: Iterable[Number]) -> list[Hypothesis]:
    """Return the verdicts on what the parameters of the job `join_numbers` ask for, from `numbers`."""
    return judge(_claims(join), numbers, StatisticsParameters.model_validate(join["statistics"]).level)


def _claims(join: Mapping[str, Any]) -> list[Claim]:
    """Return the claims that the parameters of the job `join_numbers` ask for."""
    try:
        rooms = [(room, _section(room, values)) for room, values in join["rooms"]]
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise UserError(
            f"{LEDGER}: what is published was made by another version of this code ({problem}); "
            "`make publish` after a run of this one renews it"
        ) from None
    cells = cell_facts(join["cells"])
    return [
        claim
        for room, params in rooms
        for claim in registry.room(room, "claims").claims(params, join["target"], cells)
    ]


def _section(room: str, values: dict[str, Any]) -> Any:
    """Return the parameters of an experiment as they were published, those of an earlier version included.

    A room whose parameters have changed since says in `earlier` what they were in its words of today.
    """
    module = registry.room(room, "params")
    return module.Params.model_validate(getattr(module, "earlier", dict)(values))


def _parameters(ledger: Mapping[str, Manifest], study: str, rule: str) -> dict[str, Any]:
    """Return the parameters of the one job of `rule`, `join_numbers` or `draw_<room>`, that a study published.

    It is known by the place of its manifest: a second line that says it is of the same rule counts for nothing.
    """
    place = "metrics" if rule == "join_numbers" else f"sections/{rule.removeprefix('draw_')}"
    path = f"results/{study}/{place}.manifest.json"
    needed = NEEDED["join" if rule == "join_numbers" else "draw"]
    if path not in ledger:
        raise UserError(f"{LEDGER}: says nothing of {rule} of study {study!r}; `make publish` writes it")
    spec = ledger[path].get("spec")
    found = spec.get("parameters") if isinstance(spec, dict) else None
    if not isinstance(found, dict):
        found = {}
    if wrong := [key for key, kind in needed.items() if not isinstance(found.get(key), kind)]:
        raise UserError(
            f"{LEDGER}: {path} has no spec.parameters.{wrong[0]} that tables can be made of; "
            f"`git checkout {LEDGER}` restores it"
        )
    return found


def _json(stated: Stated) -> str:
    return json.dumps(stated, indent=0, ensure_ascii=False) + "\n"
