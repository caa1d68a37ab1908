"""What a run records of the study that it is of, so that the commands find one whose overlay lies anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def recorded_overlay(study: str) -> Path:
    """Return the file with all that the last run of a study laid on params.yaml; YAML reads it too."""
    return Path("results") / study / "overlay.json"


def record_overlay(study: str, overrides: Mapping[str, Any]) -> None:
    """Write `overrides`, the overlays and --config of this run, for a study that has any."""
    path = recorded_overlay(study)
    if not overrides:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(overrides, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(path)
