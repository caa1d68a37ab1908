"""Which names of a domain the models have met: those that are, word for word, in a caption some learnt from."""

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
    """Return every run of up to `LONGEST` words of captions of datasets, and each caption as a whole."""
    met: set[Phrase] = set()
    for path in files:
        texts = {text for own in read_table(path, ["captions"])["captions"].to_pylist() for text in own}
        for found in {phrase(text) for text in texts}:
            met.add(found)
            met.update(
                found[start : start + length]
                for length in range(1, LONGEST + 1)
                for start in range(len(found) - length + 1)
            )
    return met


def has_own_captions(domain: Path) -> bool:
    """Return whether each image of a dataset has a label of its own.

    Where images share one, as in sets for classification, its captions are the same for all of them: thousands of
    queries that are one, which a classifier answers better.
    """
    labels = read_table(domain, ["label"])["label"].to_pylist()
    return len(set(labels)) == len(labels)


def unmet_images(domains: Iterable[Path], known: Iterable[Path]) -> list[set[str]]:
    """Return for each of `domains` its images none of whose captions stands in one of the datasets `known`."""
    met = met_phrases(known)
    found = []
    for path in domains:
        unmet = set()
        table = read_table(path, ["image_id", "captions"])
        for image_id, captions in zip(
            table["image_id"].to_pylist(), table["captions"].to_pylist(), strict=True
        ):
            if not any(phrase(text) in met for text in captions):
                unmet.add(image_id)
        found.append(unmet)
    return found
