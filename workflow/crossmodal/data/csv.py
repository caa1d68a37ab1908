"""Images of a folder with the captions of a table: CSV, TSV, or objects of JSON."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.classes import Classes
from crossmodal.data.columns import texts, word
from crossmodal.data.csv_params import Params
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.image_files import ImageFolder, name_below
from crossmodal.data.text_tables import Form, columns_of, records


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the rows of `sources["table"]`; `sources` may hold "classes_file".

    Rows of one id, or of one path where there is no column of ids, are one image with several captions; what they
    say otherwise must agree. The text of the table is in memory, images are not. Raises UserError where the table
    cannot be read or lacks a column.
    """
    path, form = sources["table"], Form(params.delimiter, params.quote)
    folder, classes = ImageFolder(params.images, "images"), Classes(params, sources)
    params.columns.check(path, columns_of(path, form))
    found, rejects = _merged(path, form, params, classes)

    def read(split: str | None) -> Iterator[Entry | Reject]:
        yield from rejects
        for entry, name in found.values():
            if split in (None, entry.split) or entry.split is None:
                yield entry._replace(load=partial(folder.read, name))

    made = "" if params.columns.captions else "Made of the class's name by the templates. "
    about = About(
        where=f"table: {path}",
        title=path.stem,
        description="Images of a folder with the texts of a table.",
        captions=f"{made}White space is normalised, nothing else is changed.",
        splits=f"As the column {params.columns.split!r} says.",
        known_limits=["Each image counts as the only right answer for its captions, though others may fit."],
    )
    return assemble(params, read, about)


def _merged(
    path: Path, form: Form, params: Params, classes: Classes
) -> tuple[dict[str, tuple[Entry, str]], list[Reject]]:
    """Return id -> entry and file name, in the order of the first rows, and what is wrong with other rows."""
    found: dict[str, tuple[Entry, str]] = {}
    rejects: list[Reject] = []
    for number, row in enumerate(records(path, form)):
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        named = row.get(params.columns.image)
        try:
            name = name_below(named)
            entry = _entry(row, name, params, classes)
            before, first_name = found.get(entry.image_id, (None, name))
            if before is not None:
                entry = _joined(before, entry, first_name == name, bool(params.templates))
        except ValueError as error:
            place = f"{path.name}, row {number + 1}"
            rejects.append(Reject(place, str(named) if named else place, str(error)))
            continue
        found[entry.image_id] = (entry, name)
    return found, rejects


def _entry(row: dict[str, Any], name: str, params: Params, classes: Classes) -> Entry:
    columns = params.columns
    captions, label = texts(row, columns.captions), None
    if columns.label:
        value = word(row.get(columns.label))
        captions += classes.captions(value)
        label = classes.words(value)
    return Entry(
        word(row.get(columns.id)) if columns.id else name,
        captions,
        bytes,
        params.split_of(row.get(columns.split)) if columns.split else None,
        label,
        word(row.get(columns.group)) if columns.group else None,
    )


def _joined(before: Entry, entry: Entry, same_file: bool, made: bool) -> Entry:
    """Return the entry of two rows of one image; ValueError where they contradict each other.

    Where captions are `made` of the class, both rows have the same of those.
    """
    for what, equal in {
        "another file": same_file,
        "another split": before.split == entry.split,
        "another class": before.label == entry.label,
        "another group": before.group == entry.group,
    }.items():
        if not equal:
            raise ValueError(f"an earlier row of this image names {what}")
    fresh = [text for text in entry.captions if not made or text not in before.captions]
    return before._replace(captions=[*before.captions, *fresh])
