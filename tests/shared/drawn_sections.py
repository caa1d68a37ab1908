"""Sections of the page, drawn by the experiments' own jobs from numbers that a test gives."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crossmodal import registry
from crossmodal.report.page import Question
from crossmodal.statistics.numbers import SCHEMA
from crossmodal.statistics.settings import StatisticsParameters
from made_up_numbers import DOMAINS, ENCODERS, METHODS, SESSIONS, STUDENT, UPDATES

ROLES: dict[str, dict[str, Any]] = {
    "peft": {"cell": "lora-r8", "reference": "full", "baseline": "zero-shot"},
    "robustness": {"adversarial": "lora-r8-pgd", "standard": "full"},
    "search": {"cells": ["lora-r8"]},
    "scale": {
        "cell": "lora-r8",
        "sizes": [1000, 10_000],
        "index": {"kind": "ivf_pq", "m": 8, "refinement": {"precision": "float16"}},
    },
    "probes": {"probes": ["lookup", "colours"]},
    "zero_shot": {
        "domains": list(DOMAINS),
        "cell": "lora-r8",
        "baseline": "zero-shot",
        "probe": "lookup",
        "students": {STUDENT: {"cells": ["half-0"]}},
    },
    "continual": {
        "dataset": "digits",
        "sessions": SESSIONS,
        "cells": {
            UPDATES[0]: {"update": {"kind": "lorsu"}},
            UPDATES[1]: {"update": {"kind": "lora", "matches": {"kind": "lorsu"}}},
        },
        "cell": UPDATES[0],
        "baseline": UPDATES[1],
        "retention": {"datasets": ["twemoji"]},
        "shifts": ["fog-3"],
    },
    "encoders": {"cells": list(ENCODERS), "probe": "colours"},
    "few_shot": {
        "sets": ["digits", "twemoji"],
        "shots": [1, 16],
        "methods": {name: {"kind": kind} for name, kind in METHODS.items()},
        "elsewhere": {"source": "twemoji", "sets": ["fluent"]},
        "timing": {"set": "digits"},
        "cell": "xmadapter",
        "reference": "tip-adapter-f",
        "baseline": "no-training",
        "probe": "pixels",
    },
    "tuning": {"families": {"full": {"cells": ["full"]}, "lora": {"cells": ["lora-r8", "lora-r8-pgd"]}}},
}
"""Parameters of each experiment for the cells of `made_up_numbers`."""


def cell_values(cells: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return facts of `cells`, as a job has them, all adapted to openmoji without an adversary."""
    facts = {"dataset": "openmoji", "model": "base", "method": "lora", "adversarial": False}
    return {cell: dict(facts) for cell in cells}


def drawing_values(
    room: str,
    cells: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any] | None = None,
    shifts: Mapping[str, Mapping[str, Any]] | None = None,
    level: float = 0.95,
) -> dict[str, Any]:
    """Return the parameters of the job that draws the section of an experiment."""
    own = ROLES.get(room, {}) if roles is None else roles
    params = registry.room(room, "params").Params.model_validate(own)
    return {
        "target": "openmoji",
        "cells": cells,
        "statistics": StatisticsParameters(level=level).model_dump(mode="json"),
        "room": params.model_dump(mode="json"),
        "shifts": shifts or {},
    }


def draw(
    room: str, frame: pd.DataFrame, values: Mapping[str, Any], folder: Path, sanity: Sequence[Path] = ()
) -> Path:
    """Draw the section of an experiment from `frame`, a table as metrics.parquet is; return its file in `folder`.

    Its other output, for DVC, lies beside it as <room>.csv.
    """
    numbers, none = folder / f"{room}-numbers.parquet", folder / "no-numbers.parquet"
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), numbers)
    pq.write_table(SCHEMA.empty_table(), none)
    files = {"cells": none, "numbers": numbers, "sanity": list(sanity), "section": folder / f"{room}.json"}
    files |= {"images": [], "shifted": [], "queries": []}
    files |= {"figures": folder / f"{room}.csv", "spec": {"parameters": dict(values)}}
    main = registry.room(room, "section").main
    main(**{name: files[name] for name in inspect.signature(main).parameters})
    return folder / f"{room}.json"


def draw_all(
    frame: pd.DataFrame,
    cells: Mapping[str, Mapping[str, Any]],
    folder: Path,
    roles: Mapping[str, Mapping[str, Any]] = ROLES,
    shifts: Mapping[str, Mapping[str, Any]] | None = None,
    sanity: Sequence[Path] = (),
    level: float = 0.95,
) -> list[Question]:
    """Return every experiment that there is, each with its section drawn from `frame` under `folder`."""
    questions = []
    for room in registry.rooms():
        params = registry.room(room, "params")
        values = drawing_values(room, cells, roles.get(room, {}), shifts, level)
        section = draw(room, frame, values, folder, sanity)
        questions.append(Question(room, params.KEY, params.TITLE, params.QUESTION, section))
    return questions
