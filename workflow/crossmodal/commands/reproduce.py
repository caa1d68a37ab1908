"""`crossmodal reproduce`: derive a number again from its source packages and compare."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.audit import number_files, number_ids
from crossmodal.commands.context import Context, StudyOption, load_context, written_parameters
from crossmodal.errors import UserError
from crossmodal.provenance.dag import Job, ancestors, producers
from crossmodal.provenance.ledger import study_folders
from crossmodal.provenance.rederive import named_paths, prepare, repeat_job, run_jobs

if TYPE_CHECKING:
    from crossmodal.statistics.numbers import Number

DIGITS = 1e-6
"""Of an interval's larger end: how far its ends may lie from the recorded ones.

Resampled means are kept to the precision of float32 (statistics/bootstrap.py), and a matrix product over the
columns of one number adds up in another order than one over all of them. No page shows so many digits.
"""
AUDIT = "`crossmodal audit` says which file was changed"


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
    gives it. The exit status is 0 if the value is equal in every bit and the interval but for
    rounding, or if the number is a time.
    """
    from crossmodal.study.specs import rules_of

    context = load_context(study)
    made_by = producers(context.jobs)
    recorded, table = _recorded(context.study.study, number_id, made_by)
    last = made_by[table]
    sources = recorded.source.split(";")
    jobs = ancestors(_writers(number_id, sources, made_by), made_by)
    manifest = (context.ledger | context.manifests).get(last.manifest)
    if manifest is None:
        raise UserError(f"{last.manifest}: no such manifest; `rm {table}` and run the study again")
    print(f"{number_id}: {len(jobs)} upstream jobs to repeat")
    root = scratch or Path(tempfile.mkdtemp(prefix="crossmodal-"))
    if scratch and scratch.exists() and any(scratch.iterdir()):
        raise UserError(f"{scratch}: not empty; give a new folder")
    own = {path for job in jobs for path in job.inputs if path not in made_by}
    work = prepare(root, own | own_paths(context))
    run_jobs(work, sources, context.overlays, cores)
    entry = rules_of(context.study)[last.rule].entry
    outputs = repeat_job(work, entry, manifest, context.specs[last.name], set(sources))
    derived = _find(outputs["numbers"], number_id)
    equal, line = compare(recorded, derived)
    print(line)
    if scratch is None and equal:
        shutil.rmtree(root)
        print(f"the scratch folder {root} is removed; --scratch keeps one", file=sys.stderr)
    elif not equal:
        print(f"the scratch folder is kept: {work}")
        raise typer.Exit(1)


def own_paths(context: Context) -> set[str]:
    """Return the files and folders of the user's own that the parameters of datasets and models name.

    A job's inputs are files, so a folder that a dataset is built from (the photographs of `karpathy`) is no
    input of any. Parameters are taken as written: of some files they hold the content once they are resolved.
    """
    study = context.study
    written = written_parameters(context.overlays)
    used = (
        *(written["datasets"][name] for name in study.used_datasets()),
        *(written["models"][name] for name in study.used_models()),
    )
    return named_paths(used, study_folders(study.study))


def _recorded(study: str, number_id: str, made_by: dict[str, Job]) -> "tuple[Number, str]":
    """Return a number as it is stated, and the table of its experiment, whose job computed it.

    Every page, and whoever audits, reads the table of all numbers, so that is what is to be derived again; what
    the experiment's own table says must be the same.
    """
    from crossmodal.statistics.numbers import read_numbers

    joined = Path("results", study, "metrics.parquet")
    if not joined.exists():
        raise UserError(
            f"{joined}: not here; `crossmodal restore` fetches what is published, or run the study"
        )
    stated = next((number for number in read_numbers(joined) if number.number_id == number_id), None)
    tables = [path for path in number_files(study) if str(path) in made_by]
    table = next((path for path in tables if number_id in number_ids(path)), None)
    if stated is None and table is None:
        raise UserError(f"no number {number_id!r} in study {study}; `crossmodal numbers` lists them")
    if table is None:
        for path in tables:
            read_numbers(path)  # says which one is broken
        raise UserError(
            f"{number_id}: stands in {joined}, but in no table below {joined.parent / 'numbers'}; {AUDIT}"
        )
    if stated is None:
        raise UserError(f"{number_id}: stands in {table}, but not in {joined}; {AUDIT}")
    if stated != _find(table, number_id):
        raise UserError(f"{number_id}: {joined} and {table} disagree; {AUDIT}")
    return stated, str(table)


def _writers(number_id: str, sources: list[str], made_by: dict[str, Job]) -> list[Job]:
    """Return the jobs that write what a number was computed from."""
    if unknown := [path for path in sources if path not in made_by]:
        raise UserError(
            f"{number_id}: its source {unknown[0]!r} is no output of a job of this study; {AUDIT}"
        )
    return [made_by[path] for path in sources]


def _find(path: Path, number_id: str) -> "Number":
    from crossmodal.statistics.numbers import read_numbers

    for number in read_numbers(path):
        if number.number_id == number_id:
            return number
    raise UserError(f"{path}: does not hold {number_id!r}")


def compare(recorded: "Number", derived: "Number") -> tuple[bool, str]:
    """Return whether `derived` is what is to be expected, and the line that says how the two compare.

    Whether a number is a time its metric says, and not where it comes from: an adapter's card holds the seconds
    of its training beside the parameters that were trained. What a time is measured in is no time.
    """
    from crossmodal.statistics.timed import is_timed

    old, new = recorded.value, derived.value
    timed = is_timed(recorded.metric)
    wrong = [
        f"{what} {before!r}, derived again {now!r}"
        for what, before, now in (
            ("unit", recorded.unit, derived.unit),
            ("queries", recorded.n_queries, derived.n_queries),
            ("seeds", recorded.n_seeds, derived.n_seeds),
        )
        if before != now
    ]
    if not timed and not _near(recorded, derived):
        wrong.append(f"interval {_ends(recorded)}, derived again {_ends(derived)}")
    if old == new and not wrong:
        line = f"bit-equal: {old!r} {recorded.unit}, interval {_told(recorded)}"
        if _ends(recorded) == _ends(derived):
            return True, line
        return True, line + (
            ", another one now: it rests on measured times" if timed else " but for rounding"
        )
    if old == new:
        return False, f"different: the same value {old!r}, but {'; '.join(wrong)}"
    if old is None or new is None:
        return False, f"different: recorded {old!r}, derived again {new!r}"
    low, high = recorded.ci_low, recorded.ci_high
    inside = low is not None and high is not None and low <= new <= high
    line = (
        f"recorded {old:.6g}, derived again {new:.6g} {derived.unit}: differs by {new - old:+.3g},"
        f" {'inside' if inside else 'outside'} the recorded interval {_told(recorded)}"
    )
    if not timed:
        return False, line
    return not wrong, "; ".join([line, "it rests on measured times", *wrong])


def _ends(number: "Number") -> tuple[float, float] | None:
    low, high = number.ci_low, number.ci_high
    return None if low is None or high is None else (low, high)


def _near(recorded: "Number", derived: "Number") -> bool:
    """Return whether two intervals are the same but for rounding."""
    old, new = _ends(recorded), _ends(derived)
    if old is None or new is None:
        return old == new
    size = max(map(abs, old))
    return all(abs(a - b) <= DIGITS * size for a, b in zip(old, new, strict=True))


def _told(number: "Number") -> str:
    return "none" if number.ci_low is None else f"[{number.ci_low:.6g}, {number.ci_high:.6g}]"
