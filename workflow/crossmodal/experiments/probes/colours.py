"""The probe `colours`: which colours go with the words of a caption, in the target's training split?

It knows no concept that it is asked for and no shape: it finds what is told by colour alone.
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

LEVELS = 4
"""Levels of each channel that are told apart."""


def embed(known: Sequence[Path], test: Path) -> tuple[Encoded, Encoded]:
    """Return the images and the captions of `test` as colour histograms of unit length, [n, LEVELS ** 3].

    That of a caption is the mean over the images of `known`, each weighted by how much its captions read like it
    (see `tfidf`); zero where none of them shares a word with it.
    """
    train, asked = read_known(known), read_examples(test)
    alike = similarities(captions_of(asked), [as_text(example.captions) for example in train])
    means = alike @ histograms(pixels_of(train))
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    captions = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    return encoded(asked, histograms(pixels_of(asked)), captions)


def histograms(images: Pixels) -> NDArray[np.float32]:
    """Return the roots of the share of pixels of each colour, float32 [n, LEVELS ** 3], for uint8 [n, h, w, 3].

    Their length is 1, and the product of two is the Bhattacharyya coefficient of the shares.
    """
    levels = images.reshape(len(images), -1, 3).astype(np.int64) * LEVELS // 256
    colours = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    count = LEVELS**3
    places = colours + count * np.arange(len(images))[:, None]
    counts = np.bincount(places.ravel(), minlength=count * len(images)).reshape(len(images), count)
    return np.sqrt(counts / colours.shape[1]).astype(np.float32)
