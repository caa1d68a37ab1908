"""An audit as text: the chain of a number as a tree, many numbers as a list."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sized
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

COLOURS = {
    "verified": "green", "accepted": "cyan", "stale": "yellow", "unrecorded": "magenta",
    "missing": "red", "tampered": "bold red",
}  # fmt: skip
TREES = 3
"""Up to so many numbers are drawn as trees."""
LINES = 50
"""Of more numbers than these only the sums are printed; --json lists all."""
FILES = 3
"""So many files of each side are listed in a tree; --json lists all."""


def console() -> Console:
    """Return a console that colours only on a terminal and cuts no line short where it is not one."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=1000)


def print_account(audited: Mapping[str, Any], console: Console) -> None:
    """Print the numbers (as trees if they are few), each job that is not verified, and the sums."""
    numbers, jobs = audited["numbers"], audited["jobs"]
    if len(numbers) <= TREES:
        for number in numbers:
            console.print(number_tree(number, jobs))
            console.print()
    elif len(numbers) <= LINES:
        for number in numbers:
            console.print(f"{verdict_text(number['verdict'])} {escape(number_line(number))}")
    for name, job in jobs.items():
        if job["verdict"] != "verified":
            console.print(f"{verdict_text(job['verdict'])} {escape(name)}")
            for finding in job["findings"]:
                console.print(f"    {escape(finding['detail'])}")
    if numbers:
        console.print(f"{_count(numbers, 'number')}: {_sums(number['verdict'] for number in numbers)}")
    console.print(
        f"{_count(jobs, 'job')} of study {audited['study']}: {_sums(j['verdict'] for j in jobs.values())}"
    )


def _count(things: Sized, name: str) -> str:
    return f"{len(things):,} {name}{'s' if len(things) != 1 else ''}"


def _sums(verdicts: Iterable[str]) -> str:
    return ", ".join(
        f"{count:,} {verdict_text(verdict)}" for verdict, count in Counter(verdicts).most_common()
    )


def number_tree(number: Mapping[str, Any], jobs: Mapping[str, Any]) -> Tree:
    """Return the number, the jobs that joined and computed it, and below each job those whose outputs it read."""
    root = Tree(f"{verdict_text(number['verdict'])} [bold]{escape(number_line(number))}[/bold]")
    last = root
    for name in dict.fromkeys((number["table"], number["computed"])):
        last = last.add(job_text(name, jobs[name]))
    seen = {number["table"], number["computed"]}

    def hang(branch: Tree, names: list[str]) -> None:
        for name in names:
            if name in seen:
                branch.add(f"[dim]{escape(name)}: see above[/dim]")
                continue
            seen.add(name)
            hang(branch.add(job_text(name, jobs[name])), jobs[name]["parents"])

    hang(last, number["sources"])
    return root


def number_line(number: Mapping[str, Any]) -> str:
    """Return a number with its id, interval and unit, as `crossmodal audit` prints it."""
    value = "undefined" if number["value"] is None else f"{number['value']:.6g}"
    interval = (
        f" [{number['ci_low']:.6g}, {number['ci_high']:.6g}]" if number.get("ci_low") is not None else ""
    )
    return f"{number['number_id']} = {value}{interval} {number['unit']}"


def verdict_text(verdict: str) -> str:
    """Return a verdict in its colour, as rich marks it up."""
    return f"[{COLOURS[verdict]}]{verdict}[/]"


def job_text(name: str, job: Mapping[str, Any]) -> str:
    """Return a few lines on one job: verdict, findings, circumstances, parameters, files."""
    lines = [f"{verdict_text(job['verdict'])} [bold]{escape(name)}[/bold]"]
    lines += [f"[{COLOURS[f['verdict']]}]{escape(f['detail'])}[/]" for f in job["findings"]]
    if "seconds" in job:
        packages = ", ".join(f"{name} {version}" for name, version in job["environment"].items())
        commit = job["commit"][:10] + (" (modified)" if job["dirty"] else "")
        parameters = yaml.safe_dump(job["parameters"], default_flow_style=True, width=10**6, sort_keys=False)
        details = [
            f"{job['started'][:19]}Z, {job['seconds']:.1f} s on {job['device']}, threads {job['threads']},"
            f" seed {job['seed']}, commit {commit}",
            f"code {job['code']['digest']} ({len(job['code']['modules'])} modules), {_short(packages)}",
            f"parameters {_short(parameters.strip())}",
        ]
        if kept := job.get("resumed_from"):
            details.append(f"went on after an interruption from {_short(', '.join(kept))}")
        lines += [f"[dim]{escape(line)}[/dim]" for line in details]
        lines += [
            f"[dim]{escape(line)}[/dim]" for side in ("inputs", "outputs") for line in _files(job, side)
        ]
    return "\n".join(lines)


def _files(job: Mapping[str, Any], side: str) -> list[str]:
    sign = "<" if side == "inputs" else ">"
    shown = [f"{sign} {entry['path']} {entry['md5']}" for entry in job[side][:FILES]]
    more = len(job[side]) - FILES
    return [*shown, f"{sign} and {more} more"] if more > 0 else shown


def _short(text: str, width: int = 150) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
