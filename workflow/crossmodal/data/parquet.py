"""Images with captions in Parquet files, whoever wrote them."""

from collections.abc import Mapping
from pathlib import Path

from crossmodal.data.built import Built
from crossmodal.data.file_patterns import of_split
from crossmodal.data.parquet_images import assemble_tables
from crossmodal.data.parquet_params import Params


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the files `sources["tables.…"]`, see `parquet_images.assemble_tables`."""
    tables = [(split, path, path.as_posix()) for split, path in of_split("tables", sources)]
    first = tables[0][1]
    return assemble_tables(params, tables, sources, first.parent.name or first.stem)
