"""`crossmodal embed`: the vectors of pictures and captions, for `crossmodal index` and for others' tools."""

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.chosen_model import Cell, CellSeed, ModelOption, choose_model
from crossmodal.commands.context import StudyOption
from crossmodal.commands.folders import check_new, written_folder
from crossmodal.commands.toolkit import Adapter, BatchSize
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.commands.picture_source import PictureSource


def embed(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A folder of images, or a dataset in Parquet, ours or Hugging Face's: a file or a folder.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the embeddings.")],
    model: ModelOption = None,
    adapter: Adapter = None,
    study: StudyOption = None,
    cell: Cell = None,
    cell_seed: CellSeed = None,
    layout: Annotated[
        str, typer.Option(help="embeddings (Parquet, docs/searching.md) or clip-retrieval.")
    ] = "embeddings",
    batch_size: BatchSize = 64,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that read and decode; half of the cores, 2 at least.")
    ] = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Images in one file of the output.")] = 16_384,
    captions: Annotated[bool, typer.Option(help="Embed captions too, where there are any.")] = True,
    skip_broken: Annotated[bool, typer.Option(help="Leave out images that cannot be read.")] = False,
) -> None:
    """Embed the images and captions of a dataset or of a folder with a model, in bounded memory.

    Captions of an image file are the lines of the .txt file beside it. Vectors have unit length and are stored in
    half precision.
    """
    from crossmodal.commands.picture_source import open_pictures
    from crossmodal.search.formats.open_vectors import load_layout

    format_ = load_layout(layout)
    check_new(out)
    chosen = choose_model(model, adapter, study, cell, cell_seed)
    source = open_pictures(data)
    if captions and getattr(format_, "ONE_CAPTION_EACH", False):
        _check_captions(source, layout)
    with written_folder(out) as folder:
        metadata = {**chosen.described(), "dataset": source.digest()}
        loaded = chosen.load()
        from crossmodal.commands.embedding import EmbedSettings, embed_pictures

        settings = EmbedSettings(
            batch_size, workers or max(2, (os.cpu_count() or 2) // 2), shard_size, captions, skip_broken
        )
        start = perf_counter()
        counts = embed_pictures(
            loaded, source, settings, lambda shard: format_.write_shard(folder, shard, metadata)
        )
        seconds = perf_counter() - start
    for problem in counts.skipped[:5]:
        typer.echo(f"left out: {problem}", err=True)
    more = f", {len(counts.skipped)} left out" if counts.skipped else ""
    print(
        f"{out}: {counts.images} images and {counts.captions} captions{more}"
        f" ({counts.images / seconds:.1f} images/s, {layout})"
    )


def _check_captions(source: "PictureSource", layout: str) -> None:
    """Raise UserError where some pictures have a caption and others have none."""
    first: dict[bool, str] = {}
    for image_id, captioned in source.captioned():
        first.setdefault(captioned, image_id)
        if len(first) == 2:
            raise UserError(
                f"image {first[False]} has no caption and {first[True]} has one; the layout {layout} wants one for"
                " each: give it one, or leave captions out with --no-captions"
            )
