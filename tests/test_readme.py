"""The README states only what was measured: its tables are those of the results, where results are."""

from pathlib import Path

import pytest
from crossmodal.report.readme import filled

RESULTS = Path("results/emoji")


def test_the_tables_are_filled() -> None:
    text = Path("README.md").read_text()
    assert text.count("<!-- numbers: ") == 2, "run `make readme` after the default study"


@pytest.mark.skipif(
    not (RESULTS / "report/index.html").exists(), reason="the default study has not been run here"
)
def test_the_tables_are_those_of_the_results() -> None:
    text = Path("README.md").read_text()
    assert filled(text, RESULTS) == text, "run `make readme`"


def test_every_make_target_that_is_named_exists() -> None:
    import re

    targets = set(re.findall(r"^([a-z0-9-]+):", Path("Makefile").read_text(), flags=re.MULTILINE))
    for page in [Path("README.md"), *Path("docs").glob("*.md")]:
        named = set(re.findall(r"`make ([a-z0-9-]+)", page.read_text()))
        assert named <= targets, (page, named - targets)
