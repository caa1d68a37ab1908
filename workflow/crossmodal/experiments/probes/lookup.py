"""The probe `lookup`: whose captions does a caption read like, and whose drawings does an image look like?

It knows what a crawl has of each concept, its captions and its drawings, and compares words with words and
pixels with pixels. Nothing is fitted.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossmodal.data.images import Pixels
from crossmodal.data.tables import read_examples
from crossmodal.experiments.probes.examples import (
    Encoded,
    as_text,
    captions_of,
    encoded,
    pixels_of,
    read_known,
)
from crossmodal.experiments.probes.tfidf import similarities


def embed(known: Sequence[Path], test: Path) -> tuple[Encoded, Encoded]:
    """Return the images and the captions of `test` as vectors over the concepts (labels) of the crawl, `known`.

    A caption is 1 at the concept that it reads most like; an image is its likeness to each concept's drawings. The
    score of the two is the image's likeness to the caption's concept.
    """
    crawl, asked = read_known(known), read_examples(test)
    labels = [example.label for example in crawl]
    concepts: dict[str, list[str]] = {}
    for example in crawl:
        concepts.setdefault(example.label, []).extend(example.captions)
    texts = [as_text(captions) for captions in concepts.values()]
    captions = one_hot(similarities(captions_of(asked), texts))
    return encoded(asked, likeness(pixels_of(asked), pixels_of(crawl), labels), captions)


def one_hot(alike: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 at the highest value of each row [n, concepts], the first of equal ones, and 0 elsewhere.

    It is the softmax of the row at temperature 0: no temperature has to be chosen. A row of zeros stays one.
    """
    found = np.zeros_like(alike)
    rows = np.flatnonzero(alike.any(axis=1))
    found[rows, alike[rows].argmax(axis=1)] = 1
    return found


def likeness(images: Pixels, drawings: Pixels, labels: Sequence[str]) -> NDArray[np.float32]:
    """Return the correlation of pixels of each image and each concept's most similar drawing, [images, concepts].

    `images` and `drawings` are uint8 [n, size, size, 3]; `labels` are those of the drawings. Concepts are in the
    order in which they first appear there. An image of one colour correlates with nothing: 0.
    """
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([places[label] for label in labels])
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(places)))
    correlations = _centred(images) @ _centred(drawings[order]).T
    highest: NDArray[np.float32] = np.maximum.reduceat(correlations, starts, axis=1)
    return highest


def _centred(pixels: Pixels) -> NDArray[np.float32]:
    """Return images as rows of mean 0 and length 1, float32 [n, values]; those of one colour are 0."""
    rows = pixels.reshape(len(pixels), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows
