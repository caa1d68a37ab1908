"""Datasets of the Hugging Face hub, read from a folder of their Parquet files."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from crossmodal.data.built import Built
from crossmodal.data.file_dataset import SPLIT_NAMES
from crossmodal.data.huggingface_params import Params
from crossmodal.data.parquet_images import assemble_tables
from crossmodal.errors import UserError


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the files `sources["tables.…"]`, see `parquet_images.assemble_tables`.

    Nothing is fetched here: `hub_files.fetch` fills the folder. With `hub`, each file must be one of those that it
    pins and have its digest. Raises UserError where that is not so, or where a split has no file.
    """
    tables: list[tuple[str | None, Path]] = []
    met: set[str] = set()
    for key, path in sources.items():
        if key.startswith("tables."):
            split, _, number = key.removeprefix("tables.").rpartition(".")
            if split:
                met.add(list(params.splits)[int(number.partition("-")[0])])
            tables.append((split or None, path))
    if params.is_split() and not params.columns.split:
        _check_splits(params, met)
    if not tables:
        raise UserError(f"folder: {params.folder} has no Parquet file; fetch the dataset's files into it")
    if params.hub:
        _check_pins(params, [path for _, path in tables])
    return assemble_tables(params, tables, sources)


def _check_splits(params: Params, met: set[str]) -> None:
    """Raise UserError where a split has no file; of the usual names one is enough."""
    missing = [name for name in params.splits if name not in met]
    if missing and (params.splits != SPLIT_NAMES or not met):
        there = sorted(
            str(path.relative_to(params.folder)) for path in Path(params.folder).rglob("*.parquet")
        )
        raise UserError(
            f"splits: {params.folder} has no Parquet file of {missing[0]!r}, such as "
            f"data/{missing[0]}-00000-of-00001.parquet; there are: {', '.join(there[:20]) or 'none'}"
        )


def _check_pins(params: Params, paths: list[Path]) -> None:
    """Raise UserError for the first file that is not, to the byte, what `hub` pins."""
    assert params.hub
    pins = params.hub.files
    for path in paths:
        name = path.relative_to(params.folder).as_posix()
        if name not in pins:
            raise UserError(f"hub.files: {name} in {params.folder} is not pinned; pin it or remove it")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != pins[name]:
            raise UserError(
                f"{path}: wrong checksum, so it is not used: hub.files pins {pins[name]}, got {digest}; remove it "
                "and fetch it again"
            )
