"""Datasets of the Hugging Face hub, as their Parquet files."""

from collections.abc import Mapping, Set
from pathlib import Path

from crossmodal.data.built import Built
from crossmodal.data.file_dataset import SPLIT_NAMES
from crossmodal.data.huggingface_params import Params
from crossmodal.data.parquet_images import assemble_tables
from crossmodal.errors import UserError


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of its Parquet files, see `parquet_images.assemble_tables`.

    `sources` holds fetched files by their names on the hub, or `["tables/PATH"]` of a folder; files of no split
    that is asked for are not read. Raises UserError where a split has no file.
    """
    if params.hub:
        found = {file.path: sources[file.name] for file in params.packages()}
    else:
        found = {key.removeprefix("tables/"): path for key, path in sources.items() if key != "classes_file"}
    splits = {name: params.split_of_file(name) if params.by_name() else None for name in found}
    if params.by_name():
        _check_splits(params, set(splits.values()))
    elif not found:
        raise UserError(f"folder: {params.folder} has no Parquet file; fetch the dataset's files into it")
    tables = [(params.splits[split] if split else None, found[name], name) for name, split in splits.items()]
    title = params.hub.repo if params.hub else Path(str(params.folder)).name
    return assemble_tables(params, tables, sources, title)


def _check_splits(params: Params, met: Set[str | None]) -> None:
    """Raise UserError where a split has no file; of the usual names one is enough."""
    missing = [name for name in params.splits if name not in met]
    if missing and (params.splits != SPLIT_NAMES or not met):
        place = f"hub: {params.hub.repo}" if params.hub else f"folder: {params.folder}"
        raise UserError(
            f"splits: {place} has no Parquet file of {missing[0]!r}, such as "
            f"data/{missing[0]}-00000-of-00001.parquet; there are: {', '.join(params.there()[:20]) or 'none'}"
        )
