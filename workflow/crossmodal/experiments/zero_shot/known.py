"""Which names of a domain the base model has met: those that are, word for word, in a caption it learnt from."""

import re
from collections.abc import Iterable
from pathlib import Path

from crossmodal.data.tables import read_table

LONGEST = 6
"""Words of the longest name that is looked for; longer ones count as not met unless they are a whole caption."""

Phrase = tuple[str, ...]


def phrase(text: str) -> Phrase:
    """Return the words of a text: letters and digits, in lower case."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


def met_phrases(files: Iterable[Path]) -> set[Phrase]:
    """Return every run of up to `LONGEST` words of captions and labels of datasets, and each as a whole."""
    met: set[Phrase] = set()
    for path in files:
        table = read_table(path, ["captions", "label"])
        texts = {text for own in table["captions"].to_pylist() for text in own}
        for found in {phrase(text) for text in (*texts, *table["label"].to_pylist())}:
            met.add(found)
            met.update(
                found[start : start + length]
                for length in range(1, LONGEST + 1)
                for start in range(len(found) - length + 1)
            )
    return met


def unmet_images(domains: Iterable[Path], known: Iterable[Path]) -> set[str]:
    """Return the images of `domains` none of whose captions stands in a caption of the datasets `known`."""
    met = met_phrases(known)
    unmet = set()
    for path in domains:
        table = read_table(path, ["image_id", "captions"])
        for image_id, captions in zip(
            table["image_id"].to_pylist(), table["captions"].to_pylist(), strict=True
        ):
            if not any(phrase(text) in met for text in captions):
                unmet.add(image_id)
    return unmet
