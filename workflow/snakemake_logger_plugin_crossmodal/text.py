"""Words for the console: durations, failures, what a run came to."""

import os
from collections.abc import Iterable, Sequence
from logging import LogRecord
from pathlib import Path

from snakemake_logger_plugin_crossmodal.run import Progress, Task

LONG_LINE = 160
"""Characters beyond which a line is shortened: a job's command line may name hundreds of files."""
LAST_LINES = 20
"""Lines of a failed job's log that are shown."""
LAST_BYTES = 32_768


def duration(seconds: float) -> str:
    """Return a length of time in words: `0.8 s`, `48 s`, `3 min 7 s`, `1 h 12 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float | None) -> str:
    """Return an estimate in words, no finer than it can be known; nothing where there is none."""
    if seconds is None:
        return ""
    if seconds < 8:
        return "a few seconds"
    if seconds < 85:
        return f"about {round(seconds / 10) * 10} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    minutes = round(seconds / 300) * 5
    return f"about {minutes // 60} h {minutes % 60:02} min"


def clock(seconds: float) -> str:
    """Return a length of time that counts up: `0:08`, `1:12:30`."""
    whole = max(int(seconds), 0)
    minutes = f"{whole % 3600 // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes:0>5}" if whole >= 3600 else minutes


def shortened(text: str) -> str:
    """Return the text with the middle of its long lines left out; Snakemake's log file has all of it."""
    half = LONG_LINE // 2
    return "\n".join(
        line if len(line) <= LONG_LINE else f"{line[:half]} […] {line[-half:]}" for line in text.split("\n")
    )


def tail(path: str) -> list[str]:
    """Return a log file's heading, with its path, and its last lines."""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LAST_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return [f"log: {path} ({error.strerror})"]
    if not lines:
        return [f"log: {path}, empty"]
    cut = size > LAST_BYTES or len(lines) > LAST_LINES
    heading = f"log: {path}, its last lines:" if cut else f"log: {path}:"
    return [heading, *(f"| {line}" for line in lines[-LAST_LINES:])]


def job_failure(record: LogRecord, task: Task | None) -> str:
    """Return what is to be known of a job that failed: which, after how long, why, and the end of its log."""
    name = task.name if task else str(getattr(record, "rule_name", ""))
    rule, _, wildcards = name.partition(" ")
    message = getattr(record, "rule_msg", None)
    lines = [f"message: {message}"] if message else []
    lines += [f"{key}: {value}" for key, value in (getattr(record, "aux", None) or {}).items()]
    for path in getattr(record, "log", None) or ():
        lines += tail(path)
    return _block(f"Error in rule {rule}{wildcards and f' ({wildcards})'}", lines, task, record)


def group_failure(record: LogRecord, task: Task | None) -> str:
    """Return what is to be known of a group that failed: its cluster log, and the end of the log written last."""
    lines = []
    for path in getattr(record, "aux_logs", None) or ():
        lines += tail(path)
    logs = {
        path for job in getattr(record, "job_error_info", ()) for path in job["log"] if Path(path).is_file()
    }
    *others, last = [None, *sorted(logs, key=lambda path: Path(path).stat().st_mtime)]
    lines += [*(f"log: {path}" for path in others if path), *(tail(last) if last else [])]
    return _block(
        f"Error in a group of jobs ({task.name})" if task else record.getMessage(), lines, task, record
    )


def _block(heading: str, lines: Sequence[str], task: Task | None, record: LogRecord) -> str:
    after = f", after {duration(record.created - task.begun)}" if task else ""
    return "\n".join([f"{heading}{after}:", *(f"    {line}" for line in lines)])


def opening(progress: Progress) -> str:
    """Return the line with which a run begins."""
    estimate = about(progress.left(progress.begun))
    return f"{progress.total} job{'s'[: progress.total != 1]} to run{estimate and f', {estimate}'}"


def closing(progress: Progress, failed: Iterable[tuple[str, Sequence[str]]], now: float, log: str) -> str:
    """Return what a run came to: one line, then one for each job that failed, with its log."""
    took = duration(now - progress.begun)
    where = f"; everything in {log}" if log else ""
    lines = [f"    {name}{''.join(f': {path}' for path in logs)}" for name, logs in failed]
    if progress.done == progress.total:
        return f"done: {progress.total} job{'s'[: progress.total != 1]} in {took}{where}"
    word = f"{len(lines)} failed" if lines else "stopped"
    left = progress.total - progress.done - len(lines)
    return "\n".join(
        [f"{word}, {progress.done} of {progress.total} jobs done, {left} not, in {took}{where}", *lines]
    )
