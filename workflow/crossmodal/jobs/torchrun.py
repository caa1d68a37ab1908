"""Start a job as several processes: `python -m crossmodal.jobs.torchrun N crossmodal.jobs.NAME input=path ...`.

torchrun itself (PyTorch's) does the work. Around it: a GPU for each process, claimed together, and one line for
the user, or the one traceback that matters, in place of a report for each process.
"""

import fcntl
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from crossmodal.errors import UserError
from crossmodal.jobs.accelerators import claim_accelerators


def main(arguments: Sequence[str]) -> None:
    """Run the job as `arguments` say and end this process: 0, or 1 after what one of the processes failed with."""
    try:
        if len(arguments) < 2 or not arguments[0].isdecimal() or int(arguments[0]) < 1:
            raise UserError("expected: python -m crossmodal.jobs.torchrun PROCESSES MODULE name=value ...")
        claim_accelerators(int(arguments[0]))
        _launch(int(arguments[0]), arguments[1:])
    except UserError as error:
        sys.exit(f"error: {error}")


def _launch(processes: int, command: Sequence[str]) -> None:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    logging.disable()  # what torchrun says about failures is said below, once
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each job sets its own; without it torchrun warns
    with tempfile.TemporaryDirectory(prefix="crossmodal-") as folder:
        options = ["--standalone", "--nproc-per-node", str(processes), "--log-dir", folder, "-m"]
        try:
            run(parse_args([*options, *command]))
        except SignalException as ended:
            _clear_lock(command)
            name = signal.Signals(ended.sigval).name
            sys.exit(_reason(Path(folder)) or f"error: {command[0]}: ended by {name}")
        except ChildFailedError as failed:
            _clear_lock(command)
            codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
            sys.exit(_reason(Path(folder), codes))


def _clear_lock(command: Sequence[str]) -> None:
    """Remove the lock file (jobs/lock.py) of a process that was ended, with the lock, before it could do so.

    One that another process holds stays.
    """
    lines = [line for part in command for line in _lines(part) if line.startswith("manifest=")]
    for manifest in (Path(line.partition("=")[2]) for line in lines):
        path = manifest.with_name(f".{manifest.name}.lock")
        with suppress(OSError), path.open() as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _lines(argument: str) -> list[str]:
    """Return the arguments that an argument stands for: the lines of a file if it is `@FILE`."""
    return Path(argument[1:]).read_text().splitlines() if argument.startswith("@") else [argument]


def _reason(folder: Path, codes: dict[int, int] | None = None) -> str:
    """Return what to tell the user, from what the processes left in `folder` and their exit codes by number.

    A process that fails makes the others fail, whose connections break. So an error for users comes first, then
    a death by a signal other than torchrun's own, then the earliest error.
    """
    files = sorted(folder.rglob("error.json"), key=lambda path: path.stat().st_mtime_ns)
    errors = [json.loads(path.read_text())["message"] for path in files if path.stat().st_size]
    for error in errors:
        kind, _, text = error["message"].partition(": ")
        if kind == UserError.__name__:
            return f"error: {text}"
    for rank, code in sorted((codes or {}).items()):
        if code < 0 and code != -signal.SIGTERM:
            hint = " (out of memory?)" if code == -signal.SIGKILL else ""
            return f"error: process {rank} of the job was ended by {signal.Signals(-code).name}{hint}"
    if errors:
        return str(errors[0]["extraInfo"]["py_callstack"]).rstrip()
    return "".join(
        f"error: process {rank} of the job ended with {code}" for rank, code in (codes or {}).items()
    )


if __name__ == "__main__":
    main(sys.argv[1:])
