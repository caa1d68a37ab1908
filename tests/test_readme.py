"""The published pages state only what was measured: their tables are those of the published numbers."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from crossmodal.commands import pages
from crossmodal.commands.pages import (
    CHAIN,
    PAGES,
    THEN_AND_NOW,
    check_markers,
    companion,
    filled,
    read_stated,
    written_pages,
)
from crossmodal.report.markdown import blocks
from crossmodal.statistics.published import published_path, read_published
from crossmodal.study.configuration import read_yaml

MEASURED = Path("docs/performance.md")
"""The page of times and memory, whose tables `make bench-overhead` fills from no study's numbers."""
DEFAULT = str(read_yaml(Path("params.yaml"))["study"])
STUDIES = sorted({name.rpartition("/")[0] for page in PAGES for name in blocks(page.read_text())})
"""The studies whose tables the pages have, by what their names begin with; nothing for the default study."""


@pytest.fixture(scope="module", autouse=True)
def tables_are_made_once() -> Iterator[None]:
    """The tables of a study are the same for each page, and take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "published_tables", cache(pages.published_tables))
        yield


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_table_is_left_out(page: Path) -> None:
    """A table that has no place of its own would be text that nobody compares."""
    shown = {
        Path("README.md"): {"hypotheses", "results", "probes", CHAIN},
        Path("docs/results.md"): {*pages.published_tables(DEFAULT)} - {THEN_AND_NOW, CHAIN},
        Path("docs/protocol.md"): {THEN_AND_NOW},
    }
    assert blocks(page.read_text()).keys() >= shown[page]


def test_every_marker_of_a_table_is_part_of_a_block() -> None:
    """What stands behind a look-alike would be a table of typed numbers."""
    check_markers()
    with_tables = {page for page in written_pages() if blocks(page.read_text())}
    assert with_tables == {*PAGES, MEASURED}, "nobody fills the tables of another page"


@pytest.mark.parametrize("prefix", STUDIES)
def test_a_page_speaks_of_published_studies_alone(prefix: str) -> None:
    assert published_path(prefix or DEFAULT).exists(), f"`crossmodal publish --study {prefix or DEFAULT}`"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_tables_are_filled(page: Path) -> None:
    found = blocks(page.read_text())
    assert found and list(read_stated(page)) == list(found), "`make publish` fills the pages"
    for name, ids in read_stated(page).items():
        assert bool(ids) == ("Not measured in this study." not in found[name]), (page, name)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_id_of_a_number_stands_in_a_page(page: Path) -> None:
    text = page.read_text()
    assert "<!-- numbers:" not in text
    for name, body in blocks(text).items():
        assert name == CHAIN or not re.search(r"[\w-]+/[\w-]+/s[\d*]+/", body)


@pytest.mark.parametrize("prefix", STUDIES)
def test_the_tables_are_those_of_the_published_numbers(prefix: str) -> None:
    study = prefix or DEFAULT
    for page in PAGES:
        text, stated = filled(page, study, prefix)
        assert text == page.read_text(), "`make publish` fills the pages"
        assert stated == read_stated(page), companion(page)


@pytest.mark.parametrize("prefix", STUDIES)
def test_every_number_that_is_stated_is_published(prefix: str) -> None:
    known = read_published(prefix or DEFAULT)
    for page in PAGES:
        for name, ids in read_stated(page).items():
            assert name.rpartition("/")[0] != prefix or known.keys() >= set(ids), (page, name)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", Path("Makefile").read_text(), flags=re.MULTILINE))
    for page in [Path("README.md"), *Path("docs").glob("*.md")]:
        named = set(re.findall(r"`make ([a-z0-9-]+)", page.read_text()))
        assert named <= targets, (page, named - targets)
