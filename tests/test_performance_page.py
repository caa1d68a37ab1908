"""docs/performance.md says of the default study what the ledger says of the run that is published."""

import re
from pathlib import Path

import pytest

from crossmodal.provenance.ledger import read_ledger
from crossmodal.report.performance import stages_table, totals_table
from crossmodal.study.configuration import read_yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/performance.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    return re.search(f"<!-- table:{name} -->\n(.*?)\n<!-- /table -->", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def manifests() -> list:
    study = read_yaml(ROOT / "params.yaml")["study"]
    return [
        manifest
        for path, manifest in read_ledger(ROOT / "ledger.jsonl").items()
        if Path(path).parts[:2] in {("data", study), ("results", study)}
    ]


def test_the_time_of_each_rule_is_that_of_the_published_run(manifests) -> None:
    assert block("stages") == stages_table(manifests)


def test_the_whole_is_that_of_the_published_run(manifests) -> None:
    cores = int(re.search(r"of (\d+) cores", block("totals"))[1])
    assert block("totals") == totals_table(manifests, cores)
