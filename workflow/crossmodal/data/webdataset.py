"""Images with captions in tar files, as img2dataset writes them and the webdataset library reads them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from crossmodal.data.built import Built, Reject
from crossmodal.data.classes import Classes
from crossmodal.data.columns import word
from crossmodal.data.entries import About, Entry, assemble
from crossmodal.data.file_patterns import of_split
from crossmodal.data.image_files import SUFFIXES
from crossmodal.data.tar_samples import Sample, samples
from crossmodal.data.webdataset_params import Params
from crossmodal.errors import UserError


def build(params: Params, sources: Mapping[str, Path]) -> Built:
    """Return the dataset of the tar files `sources["shards.…"]`; `sources` may hold "classes_file".

    The image id is the sample's key: the members' name up to the last dot. Of a tar file that breaks off, what is
    whole before the break is kept and the rest is one reject. Raises UserError where a file is no tar file, and
    where no sample has a member or key that the parameters name.
    """
    shards, classes = of_split("shards", sources), Classes(params, sources)
    facts: Counter[str] = Counter()
    there: set[str] = set()

    def read(split: str | None) -> Iterator[Entry | Reject]:
        for own, shard in shards:
            if split in (None, own) or own is None:
                for sample in samples(shard):
                    facts["samples listed"] += isinstance(sample, Sample)
                    yield (
                        sample if isinstance(sample, Reject) else _entry(sample, own, params, classes, there)
                    )
        if split is None:
            _check_names(params, there)

    first = shards[0][1]
    about = About(
        where=f"shards: {first}" + (f" (and {len(shards) - 1} more)" if len(shards) > 1 else ""),
        title=first.parent.name or first.stem,
        description="Images with texts, as they were packed into tar files.",
        captions=(
            f"From {', '.join(params.captions)}" + ("; each line is one" if params.caption_per_line else "")
            if params.captions
            else "Made of the class's name by the templates"
        )
        + ". White space is normalised, nothing else is changed.",
        splits="As the parameters divide the tar files.",
        known_limits=[
            "Each image counts as the only right answer for its captions, though others may fit.",
            "Where texts were collected from the web, many say little of what is to be seen.",
        ],
        facts=facts,
    )
    return assemble(params, read, about)


def _entry(
    sample: Sample, split: str | None, params: Params, classes: Classes, there: set[str]
) -> Entry | Reject:
    """Return the image of a sample with its captions, or why it is none."""
    try:
        there.update(sample.members)
        if sample.problem:
            raise ValueError(sample.problem)
        suffix = next((suffix for suffix in SUFFIXES if suffix in sample.members), None)
        if suffix is None:
            raise ValueError(f"no image in the sample, only {', '.join(sample.members) or 'nothing'}")
        values = _values(sample, params, there)
        captions = [text for name in params.captions for text in _texts(values.get(name), name, params)]
        label = None if params.label is None else word(values.get(params.label))
        if label:
            captions += classes.captions(label)
            label = classes.words(label)
        group = None if params.group is None else word(values.get(params.group))
    except ValueError as error:
        return Reject(sample.key, sample.key, str(error))
    return Entry(sample.key, captions, partial(sample.read, suffix), split, label, group)


def _values(sample: Sample, params: Params, there: set[str]) -> dict[str, Any]:
    """Return what the sample has of the members and keys that are asked for; ValueError where one is broken."""
    names = [*params.captions, *(name for name in (params.label, params.group) if name)]
    found: dict[str, Any] = {}
    if any(not name.startswith(".") for name in names) and ".json" in sample.members:
        try:
            content = json.loads(sample.read(".json"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            raise ValueError(".json is not JSON") from None
        if not isinstance(content, dict):
            raise ValueError(".json is not an object")
        there.update(content if len(there) < 1000 else ())  # keys are a few, or anything at all
        found = {name: content[name] for name in names if name in content}
    for name in names:
        if name.startswith(".") and name.lower() in sample.members:
            try:
                found[name] = sample.read(name.lower()).decode("utf-8-sig")
            except UnicodeDecodeError:
                raise ValueError(f"{name} is not UTF-8") from None
    return found


def _texts(value: Any, name: str, params: Params) -> list[Any]:
    if isinstance(value, str) and name.startswith(".") and params.caption_per_line:
        return value.splitlines()
    return value if isinstance(value, list) else [value]


def _check_names(params: Params, there: set[str]) -> None:
    """Raise UserError where a name of the parameters is neither a member's suffix nor a key in any sample."""
    given: dict[str, list[str | None]] = {
        "captions": [*params.captions], "label": [params.label], "group": [params.group],
    }  # fmt: skip
    for key, names in given.items():
        for name in names:
            if there and name is not None and (name.lower() if name.startswith(".") else name) not in there:
                found = ", ".join(sorted(there)[:40])
                raise UserError(
                    f"{key}: no sample has {name!r}, a member's suffix or a key of .json; there are: {found}"
                )
