"""Put a stand-in for a finished default study into this folder, or take it away again (`--remove`).

Most who run the tests have run the study before, on a machine whose last digits are its own. The stand-in is
what the ledger and the published numbers tell of one: every manifest, a small file in the place of every other,
and a table of numbers of which each is a little beside the published one. A study that is here already stays.
"""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd

STUDY = "emoji"
PUBLISHED, LEDGER = Path(f"published/{STUDY}.parquet"), Path("ledger.jsonl")
FOLDERS = (Path("data") / STUDY, Path("results") / STUDY)
METRICS, MARK = FOLDERS[1] / "metrics.parquet", FOLDERS[1] / "STAND-IN"
BESIDE = 1.01
"""Measured numbers are so much larger: seen in what is printed, far from what would be absurd."""
EXACT = ("count", "bytes", "FLOP", "yes/no", "passed/failed")
"""Units of numbers that are the same on every machine."""
PARTS = ("experiment", "cell", "seed", "dataset", "split", "variant", "direction", "metric")


def numbers(published: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a study's numbers (its metrics.parquet) that another machine might have measured."""
    parts = published["number_id"].str.split("/", expand=True).set_axis(PARTS, axis=1)
    parts["seed"] = parts["seed"].str.removeprefix("s")
    values = published[["value", "ci_low", "ci_high"]].astype("float64")
    values = values.where(published["unit"].isin(EXACT), values * BESIDE)
    return pd.concat([published["number_id"], parts, values], axis=1).assign(
        n_queries=pd.array([None] * len(published), dtype="Int64"),
        n_seeds=pd.array([None] * len(published), dtype="Int64"),
        unit=published["unit"],
        source="",
    )


def make() -> str:
    """Write the stand-in where there is no study; return what was done."""
    if not PUBLISHED.exists():
        return f"no stand-in for a finished study: there is no {PUBLISHED}"
    if any(folder.exists() for folder in FOLDERS):
        return f"no stand-in for a finished study: study {STUDY} is here"
    METRICS.parent.mkdir(parents=True)
    MARK.write_text("Made by tests/ci/stand_in.py: no study was run here.\n")
    numbers(pd.read_parquet(PUBLISHED)).to_parquet(METRICS, index=False)
    manifests = [json.loads(line) for line in LEDGER.read_text(encoding="utf-8").splitlines()]
    own = [m for m in manifests if Path(m["manifest"]).parts[1] == STUDY]
    for manifest in own:
        _write(Path(manifest.pop("manifest")), json.dumps(manifest))
        for entry in (entry for listed in manifest["outputs"].values() for entry in listed):
            _write(Path(entry["path"]), "{}\n")
    return f"a stand-in for a finished study: {len(own)} manifests, and numbers beside those of {PUBLISHED}"


def remove() -> str:
    """Take the stand-in away; a study stays."""
    if not MARK.exists():
        return "no stand-in to remove"
    for folder in FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
    return "the stand-in is removed"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(remove() if "--remove" in sys.argv[1:] else make())
