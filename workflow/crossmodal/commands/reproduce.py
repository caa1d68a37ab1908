"""`crossmodal reproduce`: derive a number again from its source packages and compare."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.audit import number_files, number_ids
from crossmodal.commands.context import Context, StudyOption, load_context
from crossmodal.errors import UserError
from crossmodal.provenance.dag import ancestors, producers
from crossmodal.provenance.ledger import entries
from crossmodal.provenance.rederive import prepare, repeat_job, run_jobs

if TYPE_CHECKING:
    from crossmodal.statistics.numbers import Number


def reproduce(
    number_id: Annotated[str, typer.Argument(help="The number, for example one of `crossmodal numbers`.")],
    study: StudyOption = None,
    cores: Annotated[str, typer.Option(help="Cores for Snakemake.")] = "all",
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder to work in, kept; default: a temporary one, removed if all went well."),
    ] = None,
) -> None:
    """Derive a number again in a scratch folder, from source packages, running only its upstream jobs.

    An audit says that nothing has changed since the number was computed; this says that computing it once more
    gives it. The exit status is 0 if it is equal in every bit, or if it is a time.
    """
    from crossmodal.study.specs import rules_of

    context = load_context(study)
    table = str(_table_of(context.study.study, number_id))
    recorded = _find(Path(table), number_id)
    sources = recorded.source.split(";")
    made_by = producers(context.jobs)
    jobs = ancestors([made_by[path] for path in sources], made_by)
    last = made_by[table]
    if (manifest := (context.ledger | context.manifests).get(last.manifest)) is None:
        raise UserError(f"{last.manifest}: no such manifest; `rm {table}` and run the study again")
    print(f"{number_id}: {len(jobs)} upstream jobs to repeat")
    root = scratch or Path(tempfile.mkdtemp(prefix="crossmodal-"))
    if scratch and scratch.exists() and any(scratch.iterdir()):
        raise UserError(f"{scratch}: not empty; give a new folder")
    own = {path for job in jobs for path in job.inputs if path not in made_by}
    work = prepare(root, own)
    run_jobs(work, sources, context.overlays, cores)
    entry = rules_of(context.study)[last.rule].entry
    outputs = repeat_job(work, entry, manifest, context.specs[last.name], set(sources))
    derived = _find(outputs["numbers"], number_id)
    equal, line = compare(recorded, derived, _is_time(context, sources))
    print(line)
    if scratch is None and equal:
        shutil.rmtree(root)
    elif not equal:
        print(f"the scratch folder is kept: {work}")
        raise typer.Exit(1)


def _table_of(study: str, number_id: str) -> Path:
    """Return the table of the experiment that a number belongs to."""
    files = number_files(study)
    for path in files:
        if number_id in number_ids(path):
            return path
    if not files:
        raise UserError(
            f"results/{study}/numbers: nothing here; `crossmodal restore` fetches what is published, or run the"
            " study"
        )
    raise UserError(f"no number {number_id!r} in study {study}; `crossmodal numbers` lists them")


def _find(path: Path, number_id: str) -> "Number":
    from crossmodal.statistics.numbers import read_numbers

    for number in read_numbers(path):
        if number.number_id == number_id:
            return number
    raise UserError(f"{path}: does not hold {number_id!r}")


def _is_time(context: Context, sources: list[str]) -> bool:
    """Return whether a file that a number was computed from holds measured times."""
    known = (context.ledger | context.manifests).values()
    timed = {e["path"] for manifest in known for e in entries(manifest, "outputs") if e.get("timed")}
    return not timed.isdisjoint(sources)


def compare(recorded: "Number", derived: "Number", timed: bool) -> tuple[bool, str]:
    """Return whether `derived` is what is to be expected, and the line that says how the two compare."""
    old, new = recorded.value, derived.value
    interval = f"[{recorded.ci_low:.6g}, {recorded.ci_high:.6g}]" if recorded.ci_low is not None else "none"
    if (old, recorded.ci_low, recorded.ci_high) == (new, derived.ci_low, derived.ci_high):
        return True, f"bit-equal: {old!r} {recorded.unit}, interval {interval}"
    if old == new:
        low, high = derived.ci_low, derived.ci_high
        return (
            True,
            f"bit-equal: {old!r} {recorded.unit}; interval {interval}, derived again [{low!r}, {high!r}]",
        )
    if old is None or new is None:
        return False, f"different: recorded {old!r}, derived again {new!r}"
    inside = (
        recorded.ci_low is not None
        and recorded.ci_high is not None
        and recorded.ci_low <= new <= recorded.ci_high
    )
    where = f"{'inside' if inside else 'outside'} the recorded interval {interval}"
    line = (
        f"recorded {old:.6g}, derived again {new:.6g} {recorded.unit}: differs by {new - old:+.3g}, {where}"
    )
    return timed, f"{line}; it rests on measured times" if timed else line
