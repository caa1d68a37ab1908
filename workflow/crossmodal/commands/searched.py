"""What `search` and `serve` look into: an index folder, its model, and where its pictures are."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal.commands.chosen_model import ChosenModel, cell_model
from crossmodal.commands.context import name_of, overlays_of, written_parameters
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.serving.session import Session

Index = Annotated[
    Path | None,
    typer.Option(
        "--index", metavar="FOLDER", help="An index that `crossmodal index` made, in a study's place."
    ),
]
Datasets = Annotated[
    list[Path] | None,
    typer.Option(
        "--pictures",
        metavar="DATASET.parquet",
        help="Where the pictures of an index are that does not say itself; may be given several times.",
    ),
]
SPLITS = ("test", "val", "train")


@dataclass(frozen=True)
class Searched:
    """An index folder, the model that asks it, and datasets with its pictures."""

    folder: Path
    model: ChosenModel
    datasets: list[Path]

    def open(self, side: str = "text") -> "Session":
        """Return the session, ready for queries of a side, "text" or "image"."""
        # The matrices of one query are small: threads of BLAS would wait for one another, beside other work for
        # a second. Libraries read this when they are imported, and the command line imports none of them.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from crossmodal.serving.model import Model
        from crossmodal.serving.pictures import Pictures, check_datasets
        from crossmodal.serving.session import open_session
        from crossmodal.serving.weights import ModelFiles

        check_datasets(self.datasets)
        chosen = self.model
        files = ModelFiles(Path(chosen.name), chosen.adapter) if Path(chosen.name).is_dir() else None
        model = Model(chosen.digest, files, chosen.load)
        return open_session(self.folder, model, Pictures(self.datasets, [Path(), self.folder]), side)


def choose_searched(
    study: str | None,
    index: Path | None,
    model: str | None,
    adapter: Path | None,
    datasets: list[Path] | None,
) -> Searched:
    """Return what these options name together; UserError where they name nothing, or two things."""
    if index is None:
        given = {"--model": model, "--adapter": adapter, "--pictures": datasets}
        if extra := [name for name, value in given.items() if value]:
            raise UserError(f"{extra[0]} goes with --index; a study knows its own")
        return _of_study(study)
    if study is not None:
        raise UserError("--study and --index both name what is searched; give one of the two")
    if not (index / "card.json").is_file():
        raise UserError(f"{index}: no index folder (no card.json in it); `crossmodal index` makes one")
    if model is None:
        card = _object(index / "card.json")
        model, adapter = (
            card.get("model_name"),
            adapter or (Path(card["adapter"]) if card.get("adapter") else None),
        )
    if not isinstance(model, str):
        raise UserError(f"{index}: does not say which model made its vectors; name it with --model")
    return Searched(index, ChosenModel(model, adapter), datasets or [])


@dataclass(frozen=True)
class _Built:
    """An index of a study, by its place in results/STUDY/search."""

    folder: Path
    cell: str
    seed: int
    index: str
    items: int


def _of_study(study: str | None) -> Searched:
    """Return the index that a study's claims are about, over its largest gallery, of its first run."""
    name = name_of(study)
    settings = _settings(name, study)
    room = settings.get("search") or {}
    built = list(_indexes(Path("results") / name / "search"))
    if not built:
        raise UserError(
            f"results/{name}/search: no index of study {name!r} is built yet; run the study (`make study` runs "
            "the default one), or give an index folder with --index"
        )
    wanted = {
        "cell": room.get("cell") or next(iter(room.get("cells") or []), None),
        "index": room.get("index"),
    }
    for key, value in wanted.items():
        built = [one for one in built if getattr(one, key) == value] or built
    first = min(built, key=lambda one: (one.seed, -one.items, str(one.folder)))
    _check_as_written(first.folder)
    return Searched(first.folder, cell_model(study, first.cell, first.seed), _datasets(name, settings))


def _check_as_written(folder: Path) -> None:
    """Raise UserError where a file of a study's index is not what its job wrote, as an audit would find.

    Digests are remembered, so that only the first search after a change reads whole files. A folder that no
    manifest tells of is taken as it is.
    """
    if not (folder / "manifest.json").is_file():
        return
    from crossmodal.provenance.digests import md5_of

    try:
        outputs = _object(folder / "manifest.json")["outputs"].values()
        written = {folder / Path(entry["path"]).name: entry["md5"] for own in outputs for entry in own}
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{folder / 'manifest.json'}: not a job's manifest; run the study again") from None
    for path, digest in md5_of(written).items():
        if digest != written[path]:
            what = "is not what its job wrote" if digest else "is not there"
            raise UserError(
                f"{path}: {what}; `rm -r {folder}` and run the study, or name the folder with --index"
            )


def _indexes(root: Path) -> Iterator[_Built]:
    """Yield the first run of every index below `root`, CELL/sSEED/GALLERY/INDEX/r0."""
    for card in sorted(root.glob("*/s*/*/*/r0/card.json")):
        cell, seed, _, index = card.parts[-6:-2]
        if seed[1:].isdecimal() and (card.parent / "items.parquet").is_file():
            yield _Built(card.parent, cell, int(seed[1:]), index, int(_object(card).get("items", 0)))


def _settings(name: str, study: str | None) -> dict[str, Any]:
    """Return the study's parameters as its last run recorded them, else as they are written."""
    recorded = Path("results") / name / "study.json"
    return _object(recorded) if recorded.is_file() else written_parameters(overlays_of(study))


def _datasets(name: str, settings: dict[str, Any]) -> list[Path]:
    """Return the study's dataset files, those of its target first: some pictures are in several."""
    target = (settings.get("adaptation") or {}).get("dataset")
    root = Path("data") / name / "datasets"
    folders = sorted(root.glob("*/"), key=lambda folder: (folder.name != target, folder.name))
    files = [folder / f"{split}.parquet" for folder in folders for split in SPLITS]
    return [file for file in files if file.is_file()]


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{path}: not a readable JSON object; remove it and run again")
    return found
