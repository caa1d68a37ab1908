"""What the pages say of the study is what its parameters say."""

import re
from pathlib import Path

import pytest
import yaml

from crossmodal.statistics.settings import StatisticsParameters

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/results.md", "docs/protocol.md", "docs/toolkit.md")


@pytest.mark.parametrize("page", PAGES)
def test_intervals_have_the_level_of_the_parameters(page: str) -> None:
    text = " ".join((ROOT / page).read_text().split())
    stated = re.findall(r"([\d.]+) % (?:\w+ )?intervals?", text)
    level = yaml.safe_load((ROOT / "params.yaml").read_text())["statistics"]["level"]
    assert stated and {float(value) / 100 for value in stated} == {level}
    assert StatisticsParameters().level == level, "what `crossmodal evaluate` takes"
