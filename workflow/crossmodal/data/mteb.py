"""Retrieval benchmarks as MTEB and BEIR (Thakur et al. 2021) have them: corpus, queries and judgements (qrels)."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from crossmodal.data.built import Built, Reject
from crossmodal.data.columns import word
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.file_patterns import of_split
from crossmodal.data.image_files import ImageFolder, image_in
from crossmodal.data.mteb_params import Params
from crossmodal.data.parquet_rows import rows, schema
from crossmodal.data.text_tables import columns_of, form_of, records
from crossmodal.errors import UserError

IDS = ("_id", "id")
QUERY, CORPUS = ("query-id", "query_id"), ("corpus-id", "corpus_id")
"""Names of columns in BEIR's files and in those of MTEB; the first found is taken."""


class Judged(NamedTuple):
    """What the judgements say of one image."""

    split: str
    texts: list[str]
    """Ids of the texts that belong to it."""


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the files `sources["corpus.…"]`, `["queries.…"]` and `["qrels.SPLIT.…"]`.

    An image has the texts with a score above 0 as captions and its own id as label; a text that is judged relevant
    to several images is rejected, since one alone could be right. Texts and judgements are in memory, images are
    not. Raises UserError where a file cannot be read or lacks a column.
    """
    sides = {side: [path for _, path in of_split(side, sources)] for side in ("corpus", "queries")}
    images = sides[params.images_in]
    text_side = "queries" if params.images_in == "corpus" else "corpus"
    folder = ImageFolder(params.images, "images") if params.images is not None else None
    ids = {path: _column(path, IDS, "an id") for path in (*sides["corpus"], *sides["queries"])}
    rejects: list[Reject] = []
    texts = _texts(sides[text_side], ids, rejects)
    judged = _judged(of_split("qrels", sources), params.images_in == "corpus", texts, rejects)
    _of_one_image(judged, rejects)
    unjudged = len(texts) - len({text for own in judged.values() for text in own.texts})
    for path in images:
        _column(path, ("image",), "an image")
    facts: Counter[str] = Counter({"texts that no judgement names, left aside": unjudged})

    def read(split: str | None) -> Iterator[Entry | Reject]:
        yield from rejects
        met: set[str] = set()
        for path in images:
            opened = split is not None or path.suffix != ".parquet"
            for row in _rows(path, [ids[path], *(["image"] if opened else [])], 32 if opened else 4096):
                if isinstance(row, Reject):
                    yield row
                    continue
                image_id = word(row.get(ids[path]))
                met.add(image_id)
                found = judged.get(image_id, Judged("test", []))
                if not found.texts and not params.distractors:
                    facts["images that no judgement names, left aside"] += 1
                elif split in (None, found.split):
                    captions = [texts[text] for text in found.texts]
                    load = partial(image_in, row.get("image"), folder)
                    yield Entry(image_id, captions, load, found.split, distractor=params.distractors)
        for image_id in judged.keys() - met if split is None else ():
            yield Reject(image_id, image_id, "judged, and not in the files of images")

    about = About(
        where=f"{params.images_in}: {images[0]}",
        title=images[0].parent.name,
        description="Images and texts of a retrieval benchmark, joined by its judgements.",
        captions="The texts that are judged relevant; white space is normalised, nothing else is changed.",
        splits="As the files of judgements say.",
        known_limits=[
            "An image counts as right for the texts that are judged relevant to it; others were not judged.",
            "Texts that no judgement names are left aside and counted, images unless `distractors` keeps them: "
            "a gallery is then smaller than the benchmark's, and scores are higher than those published for it.",
            "Grades of relevance above 0 count alike.",
        ],
        facts=facts,
    )
    return assemble(params, read, about)


def _texts(paths: Sequence[Path], ids: Mapping[Path, str], rejects: list[Reject]) -> dict[str, str]:
    """Return id -> text, with the title before it where there is one."""
    found: dict[str, str] = {}
    for path in paths:
        column = _column(path, ("text",), "a text")
        there = _columns(path)
        titles = ["title"] if "title" in there else []
        for row in _rows(path, [ids[path], column, *titles], 4096):
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            parts = [row.get(name) for name in (*titles, column)]
            found[word(row.get(ids[path]))] = " ".join(
                part for part in parts if isinstance(part, str) and part
            )
    return found


def _judged(
    files: Sequence[tuple[str | None, Path]], of_corpus: bool, texts: Mapping[str, str], rejects: list[Reject]
) -> dict[str, Judged]:
    """Return image id -> what the judgements with a score above 0 say of it."""
    found: dict[str, Judged] = {}
    for split, path in files:
        query, corpus = _column(path, QUERY, "a query"), _column(path, CORPUS, "what it asks for")
        score = _column(path, ("score",), "a score")
        image_column, text_column = (corpus, query) if of_corpus else (query, corpus)
        for number, row in enumerate(_rows(path, [query, corpus, score], 65536)):
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            image, text, value = (
                word(row.get(image_column)),
                word(row.get(text_column)),
                _number(row.get(score)),
            )
            own = found.get(image, Judged(str(split), []))
            place = f"{path.name}, row {number + 1}"
            if value is None:
                rejects.append(Reject(place, place, f"score {row.get(score)!r} is no number"))
            elif value > 0 and text not in texts:
                rejects.append(Reject(place, place, f"judges the text {text!r}, which is not in its file"))
            elif value > 0 and own.split != split:
                rejects.append(Reject(place, place, f"judges {image!r}, an image of the split {own.split}"))
            elif value > 0:
                found[image] = own
                own.texts.extend([text] if text not in own.texts else [])
    return found


def _of_one_image(judged: Mapping[str, Judged], rejects: list[Reject]) -> None:
    """Take the texts that are judged relevant to several images of a split out of `judged`."""
    counts = Counter((own.split, text) for own in judged.values() for text in own.texts)
    for (_, text), count in counts.items():
        if count > 1:
            rejects.append(Reject(text, text, f"a text of {count} images; a caption here belongs to one"))
    for own in judged.values():
        own.texts[:] = [text for text in own.texts if counts[own.split, text] == 1]


def _rows(path: Path, columns: list[str], size: int) -> Iterator[dict[str, Any] | Reject]:
    """Yield the rows of a file of either form."""
    if path.suffix == ".parquet":
        for _, row in rows(path, columns, size):
            yield row
    else:
        yield from records(path, form_of(path))


def _columns(path: Path) -> list[str]:
    return list(schema(path).names) if path.suffix == ".parquet" else columns_of(path, form_of(path))


def _column(path: Path, names: Sequence[str], what: str) -> str:
    """Return the first of `names` that is a column of the file; UserError that names those which are."""
    there = _columns(path)
    for name in names:
        if name in there:
            return name
    raise UserError(
        f"{path}: no column with {what}, {' or '.join(names)}; its columns are: {', '.join(there)}"
    )


def _number(value: object) -> float | None:
    """Return a score as a number, None where it is none."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
