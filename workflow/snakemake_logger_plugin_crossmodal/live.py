"""In a terminal: what runs now, below all messages; it is drawn anew every second and leaves nothing behind."""

import logging
import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_crossmodal.run import Progress, Task
from snakemake_logger_plugin_crossmodal.text import about, clock, duration

ROWS = 8
"""Running jobs that are shown; of more, the oldest."""


class Display:
    """The live display of one run."""

    def __init__(self, progress: Progress, *, nocolor: bool) -> None:
        self._console = console = Console(stderr=True, force_terminal=True, no_color=nocolor or None)
        self._progress = progress
        self._last = ""
        self._live = Live(
            get_renderable=self._draw, console=console, refresh_per_second=1, transient=True,
            redirect_stdout=False,
        )  # fmt: skip
        self._live.start()

    def say(self, text: str, level: int) -> None:
        """Print a message above the display, where it stays."""
        style = "red" if level >= logging.ERROR else "yellow" if level >= logging.WARNING else ""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def ended(self, task: Task, seconds: float, progress: Progress, now: float) -> None:
        """Name the job that ended last."""
        self._last = f"{task.name}: {duration(seconds)}"

    def update(self, progress: Progress) -> None:
        """Show this from now on."""
        self._progress = progress

    def close(self) -> None:
        """Take the display away."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        return draw(self._progress, self._last, time.time())


def draw(progress: Progress, last: str, now: float) -> RenderableType:
    """Return the display of a run at a moment."""
    begun = [f"{rule} {done} of {total}" for rule, done, total in progress.rules if done < total]
    parts: list[RenderableType] = [_running(progress, last, now)]
    if begun:
        parts.append(Text(f"  {', '.join(begun)}", "dim"))
    parts.append(_bar(progress, now))
    if progress.failed:
        names = f"{len(progress.failed)} failed: {', '.join(progress.failed)}"
        parts.append(Text(names, "red", overflow="ellipsis", no_wrap=True))
    return Group(*parts)


def _running(progress: Progress, last: str, now: float) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    if last:
        table.add_row(Text(f"✓ {last}", "dim"), "", "")
    for job in progress.running[:ROWS]:
        usual = "" if job.expected is None else f"of about {clock(job.expected)}"
        table.add_row(Text(f"▸ {job.name}"), clock(now - job.begun), usual)
    if (more := len(progress.running) - ROWS) > 0:
        table.add_row(Text(f"  and {more} more", "dim"), "", "")
    return table


def _bar(progress: Progress, now: float) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    left = about(progress.left(now)) if progress.done < progress.total else ""
    words = (
        f"{progress.done} of {progress.total} jobs, {clock(now - progress.begun)}{left and f', {left} left'}"
    )
    table.add_row(ProgressBar(max(progress.total, 1), progress.done), words)
    return table
