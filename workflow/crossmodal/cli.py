"""The command line: what a finished or running study says, and the robustness toolkit (docs/toolkit.md)."""

import json
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from crossmodal.commands.accept import accept
from crossmodal.commands.attack import attack
from crossmodal.commands.audit import audit
from crossmodal.commands.compare import compare
from crossmodal.commands.context import PARAMS, StudyOption, is_overlay, name_of, overlays_of, resolve
from crossmodal.commands.crate import crate
from crossmodal.commands.embed import embed
from crossmodal.commands.evaluate import evaluate
from crossmodal.commands.export import export
from crossmodal.commands.index import index
from crossmodal.commands.plan import plan
from crossmodal.commands.publish import publish
from crossmodal.commands.reproduce import reproduce
from crossmodal.commands.restore import restore
from crossmodal.commands.search import search
from crossmodal.commands.serve import serve
from crossmodal.commands.shift import shift
from crossmodal.commands.why import why
from crossmodal.errors import UserError
from crossmodal.provenance.git import head
from crossmodal.study.configuration import read_yaml

AGAIN = "remove it and run again"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command()(audit)
app.command()(crate)
app.command()(why)
app.command()(compare)
app.command()(accept)
app.command()(restore)
app.command()(reproduce)
app.command()(publish)
app.command()(plan)
app.command()(shift)
app.command()(attack)
app.command()(evaluate)
app.command()(export)
app.command()(embed)
app.command()(index)
app.command()(search)
app.command()(serve)


def main() -> None:
    """Run the command line; a UserError is one line on standard error and exit status 1."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _results(study: str | None, file: str) -> Path:
    """Return the path of a result of the study, or say which command makes it."""
    name = name_of(study)
    path = Path("results") / name / file
    if not path.exists():
        if not (Path("results") / name).is_dir():
            overlays_of(study)  # says so where there is no study of that name
        known = sorted(p.parent.name for p in Path("results").glob("*/study.json"))
        raise UserError(
            f"{path}: no such file; study {name!r} has not come that far"
            f" (studies with results: {', '.join(known) or 'none'}; `make study` runs the default study)"
        )
    return path


def _read_json(path: Path, kind: type) -> Any:
    """Return the list or mapping in a JSON file that a run wrote; UserError names a file that holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable JSON file ({error}); {AGAIN}") from None
    if not isinstance(found, kind):
        raise UserError(f"{path}: holds a {type(found).__name__}, not a {kind.__name__}; {AGAIN}")
    return found


@app.command()
def params(study: StudyOption = None) -> None:
    """Print the resolved, validated parameters and the cells of a study."""
    from crossmodal.study.configuration import validate
    from crossmodal.study.study import load_study, whole_study

    defaults = read_yaml(PARAMS)
    if study in (None, defaults.get("study")):
        resolved = load_study(defaults, {})
    elif study is not None and is_overlay(study):
        resolved = resolve([Path(study)])
    else:
        path = _results(study, "study.json")
        resolved = validate(whole_study(), _read_json(path, dict), str(path))
        if resolved.study != study:
            raise UserError(f"{path}: describes study {resolved.study}, not {study}; {AGAIN}")
    print(yaml.safe_dump(resolved.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110))
    table = Table("cell", "method", "adversary", "seeds", title=f"cells of study {resolved.study}")
    for name, cell in resolved.adaptation.cells.items():
        adversary: Any = cell.adversary
        attacks = [a.kind for a in (adversary.images, adversary.texts) if a] if adversary else []
        seeds = ", ".join(map(str, resolved.seeds_of(name)))
        table.add_row(name, cell.method.kind, " + ".join(attacks) or "-", seeds)
    Console().print(table)


@app.command()
def numbers(
    pattern: Annotated[str, typer.Argument(metavar="[GLOB]", help="Number ids, for example 'peft/*'.")] = "*",
    study: StudyOption = None,
) -> None:
    """Print the numbers of a study, with their intervals, whose id matches GLOB."""
    from crossmodal.statistics.numbers import read_numbers, select

    found = select(read_numbers(_results(study, "metrics.parquet")), pattern)
    if not found:
        raise UserError(
            f"no number id matches {pattern!r}; `crossmodal numbers` lists all of study {name_of(study)!r}"
        )
    for number in found:
        value = "undefined" if number.value is None else f"{number.value:.6g}"
        interval = f" [{number.ci_low:.6g}, {number.ci_high:.6g}]" if number.ci_low is not None else ""
        print(f"{number.number_id}\t{value}{interval}\t{number.unit}")


@app.command()
def hypotheses(study: StudyOption = None) -> None:
    """Print the hypothesis table of a study and where its report is."""
    from crossmodal.report.markdown import hypothesis_table

    path = _results(study, "hypotheses.json")
    entries = _read_json(path, list)
    try:
        table = hypothesis_table(entries)
    except (UserError, LookupError, TypeError, ValueError, AttributeError) as error:
        problem = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: not a table of hypotheses ({problem}); {AGAIN}") from None
    print(table)
    print(f"\nreport: {_results(study, 'report/index.html')}")


@app.command()
def version() -> None:
    """Print the version of the package and the commit it stands at."""
    commit, dirty = head(Path(__file__).parent)
    print(f"crossmodal {installed_version('crossmodal')} (commit {commit}{', modified' if dirty else ''})")


if __name__ == "__main__":
    main()
