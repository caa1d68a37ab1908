"""The stand-in for a finished study is one to whoever reads it, and never takes the place of a real one."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crossmodal.statistics.numbers import read_numbers

SCRIPT = Path(__file__).with_name("stand_in.py")
ROWS = [
    ("peft/full/s*/openmoji/test/clean/text_to_image/recall@1", 0.1609, 0.137, 0.186, "fraction"),
    ("peft/full/s*/openmoji/test/clean/text_to_image/recall@1_std", None, None, None, "fraction"),
    ("peft/full/s*/-/-/-/-/parameters_trainable", 7_579_905.0, None, None, "count"),
]


def stand_in(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder with published numbers and a ledger of one job of each of two studies."""
    (tmp_path / "published").mkdir()
    table = pd.DataFrame(ROWS, columns=["number_id", "value", "ci_low", "ci_high", "unit"])
    table.to_parquet(tmp_path / "published/emoji.parquet", index=False)
    jobs = [
        {
            "manifest": f"results/{study}/metrics.manifest.json",
            "outputs": {
                "out": [{"path": f"results/{study}/{name}"} for name in ("metrics.parquet", "h.json")]
            },
        }
        for study in ("emoji", "emoji-full")
    ]
    (tmp_path / "ledger.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs))
    return tmp_path


def test_numbers_are_a_little_beside_the_published_ones(published: Path) -> None:
    assert stand_in(published).startswith("a stand-in for a finished study: 1 manifests")
    found = read_numbers(published / "results/emoji/metrics.parquet")
    assert [n.number_id for n in found] == [row[0] for row in ROWS]
    assert [n.value for n in found] == [pytest.approx(0.1609 * 1.01), None, 7_579_905]
    assert (found[0].ci_low, found[1].ci_low) == (pytest.approx(0.137 * 1.01), None)
    assert [path.name for path in published.rglob("*manifest.json")] == ["metrics.manifest.json"]
    assert (published / "results/emoji/h.json").exists() and not (published / "results/emoji-full").exists()
    assert stand_in(published, "--remove") == "the stand-in is removed"
    assert not any((published / "results").iterdir())


def test_a_study_stays(published: Path) -> None:
    real = published / "results/emoji/metrics.parquet"
    real.parent.mkdir(parents=True)
    real.write_text("real")
    assert stand_in(published).endswith("study emoji is here")
    assert stand_in(published, "--remove") == "no stand-in to remove"
    assert real.read_text() == "real"


def test_without_published_numbers_there_is_none(tmp_path: Path) -> None:
    assert stand_in(tmp_path).endswith("there is no published/emoji.parquet")
    assert list(tmp_path.iterdir()) == []
