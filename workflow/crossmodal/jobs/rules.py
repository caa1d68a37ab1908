"""What a job is, before it runs: what it depends on besides its input files. Free of torch and pandas."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Wildcards = dict[str, str]

ALONE = ""
"""The group of what is long enough to be submitted to a cluster by itself, or runs on request only."""
TIMED = "timed"
"""The group of what is timed: times are compared, so one node measures them all, and nothing runs beside them."""


@dataclass(frozen=True)
class Job:
    """What one job depends on besides its input files."""

    parameters: dict[str, Any]
    seed: int = 0
    threads: int = 1
    modules: tuple[str, ...] = ()
    """Modules that the parameters name (a method, an attack, an index): further roots of its code."""
    resources: tuple[Path, ...] = ()
    """Files that the code reads as if they were code: templates, model configurations."""
    models: tuple[str, ...] = ()
    """The base models that it builds, by their names in the study."""


@dataclass(frozen=True)
class Rule:
    """A rule of the workflow: its entry point and what its jobs depend on."""

    entry: str
    """The module that `python -m` runs."""
    job: Callable[..., Job]
    """Returns the job of a study and of wildcards, given by name."""
    group: str
    """Jobs of a group that are connected are submitted to a cluster together, those of ALONE by themselves; those
    of the group TIMED have their node to themselves."""
