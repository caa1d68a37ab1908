"""Images with captions in Parquet files, whoever wrote them."""

from collections.abc import Mapping
from pathlib import Path

from crossmodal.data.built import Built
from crossmodal.data.file_patterns import of_split
from crossmodal.data.parquet_images import assemble_tables
from crossmodal.data.parquet_params import Params


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the files `sources["tables.…"]`, see `parquet_images.assemble_tables`."""
    return assemble_tables(params, of_split("tables", sources), sources)
