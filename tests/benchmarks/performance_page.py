"""docs/performance.md, which several benchmarks fill: each its own tables."""

from collections.abc import Mapping
from pathlib import Path

from crossmodal.report.markdown import blocks, fill

PAGE = Path("docs/performance.md")


def fill_page(tables: Mapping[str, str]) -> None:
    """Put `tables` in their places and leave the page's other tables as they are. UserError for one without."""
    text = PAGE.read_text()
    PAGE.write_text(fill(text, blocks(text) | tables))
