"""The arguments of a job in a file, so that no command line grows with the study.

A command line holds at most 131,072 bytes, and a job of many inputs has more than that. So each job gets the
name of one file, whose name follows from its content: what changes there (a spec, the order of inputs) changes the
command, and Snakemake sees it as a parameter that changed. `python -m MODULE @FILE` repeats the job.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import uuid4

from crossmodal.argument_files import file_name


def argument_lines(named: Mapping[str, str | Iterable[str]], spec: str) -> str:
    """Return `named`, a file or a list of files by argument, and the `spec` as lines: what a job reads."""
    lines = []
    for name, value in named.items():
        if isinstance(value, str):
            lines.append(f"{name}={value}")
        else:
            lines += [f"{name}=", *value]
    return "".join(f"{line}\n" for line in [*lines, f"spec={spec}"])


def write_arguments(folder: Path, rule: str, lines: str) -> str:
    """Write `lines` to a file in `folder` that is named after them, unless they stand there, and return its path.

    Where the folder cannot be written nothing is said: then neither can the job's own files, which is told better.
    """
    content = lines.encode()
    path = folder / file_name(rule, content)
    try:
        if not path.exists() or path.read_bytes() != content:  # one that was edited, or cut off
            folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{uuid4().hex}.tmp")  # each job of a cluster plans on its own
            temporary.write_text(lines)
            temporary.replace(path)
    except OSError:
        pass
    return str(path)
