"""`crossmodal export`: what a study's models retrieve, in the files that other evaluation tools read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.context import StudyOption, name_of
from crossmodal.commands.folders import check_new, written_folder
from crossmodal.errors import UserError
from crossmodal.parameters import nearest

if TYPE_CHECKING:
    from crossmodal.models.embeddings import Embeddings


@dataclass(frozen=True, slots=True)
class Embedded:
    """One clean test split under one trained model, and where its embeddings are."""

    study: str
    cell: str
    seed: str
    dataset: str
    folder: Path

    def read(self) -> "tuple[Embeddings, Embeddings]":
        """Return the embeddings of its images and of its captions."""
        from crossmodal.models.embeddings import read_embeddings

        return tuple(read_embeddings(self.folder / f"{name}.parquet") for name in ("images", "captions"))  # type: ignore[return-value]


def export(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the files.")],
    layout: Annotated[
        str,
        typer.Option(
            "--format", help="trec (a run and judgements, for trec_eval) or mteb (JSON of results)."
        ),
    ] = "trec",
    study: StudyOption = None,
    cell: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this cell; may be given several times.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this dataset; may be given several times.")
    ] = None,
) -> None:
    """Write what the models of a finished study retrieve from its clean test sets, both directions.

    A file for each model and seed, dataset and direction, from the study's embeddings.
    """
    if layout not in FORMATS:
        raise UserError(f"--format: {nearest(layout, FORMATS, 'format')}")
    check_new(out)
    name = name_of(study)
    there = list(embedded_sets(Path("results"), name))
    if not there:
        raise UserError(f"results/{name}/embeddings: study {name!r} has embedded nothing yet; run it first")
    for option, key, wanted in (("--cell", "cell", cell), ("--dataset", "dataset", dataset)):
        known = dict.fromkeys(getattr(one, key) for one in there)
        for value in wanted or ():
            if value not in known:
                raise UserError(f"{option}: {nearest(value, known, f'{key} that is embedded')}")
    chosen = [one for one in there if one.cell in (cell or [one.cell])]
    chosen = [one for one in chosen if one.dataset in (dataset or [one.dataset])]
    if not chosen:
        raise UserError("no cell of those has embedded a dataset of those")
    with written_folder(out) as folder:
        for one in chosen:
            FORMATS[layout](one, folder)
    print(f"{out}: {len(chosen)} test sets in both directions, as {layout}")


def embedded_sets(results: Path, study: str) -> Iterator[Embedded]:
    """Yield the clean test sets that a study has embedded whole, by cell, seed and dataset."""
    for path in sorted((results / study / "embeddings").glob("*/s*/*/test/clean/captions.parquet")):
        cell, seed, dataset = path.parts[-6:-3]
        if (path.parent / "images.parquet").is_file():
            yield Embedded(study, cell, seed, dataset, path.parent)


def _trec(one: Embedded, folder: Path) -> None:
    from crossmodal.statistics.queries import IMAGE_TO_TEXT, TEXT_TO_IMAGE, with_answers
    from crossmodal.statistics.trec import write_judgements, write_run

    images, captions = one.read()
    for direction, queries, gallery in (
        (TEXT_TO_IMAGE, captions, images),
        (IMAGE_TO_TEXT, with_answers(images, captions), captions),
    ):
        stem = f"{one.dataset}-{direction}"
        write_run(folder / f"{one.cell}-{one.seed}-{stem}.run", queries, gallery, f"{one.cell}-{one.seed}")
        if not (judgements := folder / f"{stem}.qrels").exists():
            write_judgements(judgements, queries, gallery)


def _mteb(one: Embedded, folder: Path) -> None:
    from crossmodal.statistics.mteb import scores_of, to_mteb, write_mteb
    from crossmodal.statistics.queries import with_answers

    images, captions = one.read()
    for name, queries, gallery in (
        ("T2I", captions, images),
        ("I2T", with_answers(images, captions), captions),
    ):
        task = f"{one.study}-{one.dataset}-{name}Retrieval"
        result = to_mteb(task, "test", scores_of(queries, gallery), images.metadata.get("dataset", "unknown"))
        model = f"crossmodal/{one.study}-{one.cell}-{one.seed}"
        write_mteb(folder, model, images.metadata.get("model", "unknown"), result)


FORMATS: dict[str, Callable[[Embedded, Path], None]] = {"trec": _trec, "mteb": _mteb}
