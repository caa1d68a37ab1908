"""`crossmodal index`: an index of vectors in files of any known format, ready for `search` and `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.folders import check_new, written_folder
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.search.points import Point


def index(
    vectors: Annotated[
        Path,
        typer.Argument(
            metavar="VECTORS",
            help="What `crossmodal embed` wrote, or a .parquet, .npy, .fbin, .hdf5 or clip-retrieval's folder.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the index.")],
    kind: Annotated[
        str | None,
        typer.Option(
            help="flat, hnsw, ivf_pq, opq_ivf_pq or ivf_rabitq (docs/extending.md); ivf_pq if not given, and flat"
            " for fewer than 10,000 vectors."
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A parameter of the kind, as nlist=1024; may be repeated."
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Vectors of text queries that the operating point is chosen on. Not given: the captions beside "
            "VECTORS, else some of VECTORS.",
        ),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Vectors of training captions, for --set nnn or caption_share."),
    ] = None,
    target: Annotated[
        float, typer.Option(min=0, max=1, help="Recall@10 against exhaustive search that is aimed at.")
    ] = 0.99,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Scale every vector to unit length first.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of training vectors, k-means and drawn queries.")] = 0,
) -> None:
    """Build an index of vectors and choose how far it looks, in bounded memory.

    It looks as little as reaches the target recall on the queries, for texts and for images apart. Vectors have
    unit length and go through half precision.
    """
    from crossmodal.commands.index_settings import default_kind, index_parameters
    from crossmodal.search.formats.open_vectors import open_queries, open_vectors

    check_new(out)
    source = open_vectors(vectors)
    kind = kind or default_kind(source.count)
    params = index_parameters(kind, assignments or [], source.dimension)
    asked = open_queries(queries) if queries else source.captions() if source.captions else None
    bank = open_queries(captions) if captions else None
    for path, found in ((queries or vectors, asked), (captions, bank)):
        if found is not None and found.dimension != source.dimension:
            raise UserError(
                f"{path}: vectors of width {found.dimension}, but {vectors} has {source.dimension};"
                " embed both with one model"
            )
    from crossmodal.commands.indexing import build_folder, check_fit, check_models

    check_models(source, asked, bank)
    check_fit(params, source.dimension, source.count, captions=bank is not None)
    with written_folder(out) as folder:
        built = build_folder(source, params, folder, asked, bank, target, seed, normalise=normalise)
    print(f"{out}: {built.items} vectors of width {built.dimension} as {built.factory}, {built.size} bytes")
    for side, choice in built.choices.items():
        short = "" if choice.reached else f", short of {target:g}: set more bits or lists, or a refinement"
        print(f"{side} queries: recall@10 {choice.recall:.4f}{_shown(choice.chosen)}{short}")


def _shown(point: "Point") -> str:
    settings = {"nprobe": point.nprobe, "ef_search": point.ef_search, "k_factor": point.k_factor}
    given = [f"{k} {v:g}" for k, v in settings.items() if v is not None and (k, v) != ("k_factor", 1)]
    return f" at {', '.join(given)}" if given else ""
