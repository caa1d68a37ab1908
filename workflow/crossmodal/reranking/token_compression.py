"""Compression of token states: the principal components of the training images' tokens, in the joint space."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from crossmodal.errors import UserError

Floats = npt.NDArray[np.float32]
SHAPES = {"image_mean": 1, "text_mean": 1, "components": 2, "image_scale": 0, "text_scale": 0}
"""The tensors of a file and how many axes each has."""


class Compression(NamedTuple):
    """A linear map of d numbers to c, the same for places and for words, less the mean of either side.

    The towers' states lie apart (the gap between modalities), so each has a mean and a scale of its own; after
    both its compressed numbers have a root mean square of 1. Inner products of the two stay those of the joint
    space, as far as c components hold them.
    """

    image_mean: Floats
    """[d]"""
    text_mean: Floats
    """[d]"""
    components: Floats
    """[d, c], orthonormal columns, by falling variance of the images' states."""
    image_scale: Floats
    """Scalar: root mean square of the compressed numbers of training images before they are divided by it."""
    text_scale: Floats
    """Scalar, the same of training captions."""

    def images(self, states: Floats) -> Floats:
        """Return the compressed states [..., c] of places [..., d]."""
        return np.asarray((states - self.image_mean) @ self.components / self.image_scale, dtype=np.float32)

    def words(self, states: Floats) -> Floats:
        """Return the compressed states [..., c] of words [..., d]."""
        return np.asarray((states - self.text_mean) @ self.components / self.text_scale, dtype=np.float32)


class Moments:
    """Sums over states that mean and covariance follow from, so that no split has to be held in memory."""

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self._sum = np.zeros(dimension)
        self._squares = np.zeros((dimension, dimension))

    def add(self, states: Floats) -> None:
        """Take in `states` [..., d]."""
        rows = states.reshape(-1, states.shape[-1]).astype(np.float64)
        self.count += len(rows)
        self._sum += rows.sum(axis=0)
        self._squares += rows.T @ rows

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean, [d]."""
        return self._sum / self.count

    @property
    def covariance(self) -> npt.NDArray[np.float64]:
        """The covariance [d, d] (divided by the count)."""
        mean = self.mean
        return self._squares / self.count - np.outer(mean, mean)


def fit_compression(images: Iterable[Floats], captions: Iterable[Floats], width: int) -> Compression:
    """Return the compression to `width` components of batches of states, `images` and `captions` [..., d].

    Both must be of the training split. The sign of a component is such that its largest entry is positive, so the
    result is the same from run to run. Raises UserError where there is nothing on one side, or where `width` is
    above d.
    """
    image, text = _moments(images, "images"), _moments(captions, "captions")
    dimension = len(image.mean)
    if width > dimension:
        raise UserError(f"token compression: width {width} is above the {dimension} dimensions of the model")
    _, vectors = np.linalg.eigh(image.covariance)
    components = vectors[:, ::-1][:, :width]
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(width)])

    def scale(moments: Moments) -> float:
        variance = np.einsum("dc,de,ec->c", components, moments.covariance, components).mean()
        return float(np.sqrt(max(variance, 1e-12)))

    values = (image.mean, text.mean, components, scale(image), scale(text))
    return Compression(*(np.asarray(value, dtype=np.float32, order="C") for value in values))


def _moments(batches: Iterable[Floats], what: str) -> Moments:
    moments = None
    for batch in batches:
        moments = moments or Moments(batch.shape[-1])
        moments.add(batch)
    if moments is None or not moments.count:
        raise UserError(f"token compression: the training split has no {what} to be fitted on")
    return moments


def save_compression(compression: Compression, path: Path) -> None:
    """Write `compression` as safetensors."""
    save_file(compression._asdict(), path)


def load_compression(path: Path) -> Compression:
    """Return the saved compression; UserError where the file is broken or of another kind."""
    try:
        tensors = load_file(path)
        compression = Compression(**{name: tensors[name] for name in SHAPES})
    except FileNotFoundError:
        raise UserError(f"{path}: no such token compression") from None
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: not a token compression ({_line(error)}); remove it and run again"
        ) from None
    dimension = compression.components.shape[0] if compression.components.ndim == 2 else -1
    if any(getattr(compression, name).ndim != axes for name, axes in SHAPES.items()) or not (
        len(compression.image_mean) == len(compression.text_mean) == dimension
    ):
        raise UserError(f"{path}: not a token compression (shapes differ); remove it and run again")
    return compression


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
