"""What a second stage may look at: the gallery, training captions, and lists of the validation split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.gallery import Candidates, Gallery


@dataclass(frozen=True, slots=True)
class Lists:
    """Queries with their candidates in a gallery of their own: what is learnt from, or chosen by."""

    vectors: Vectors
    """float32 [n, d], unit length: the gallery that the candidates' positions are of."""
    found: Candidates
    owners: list[str]
    """[q] the image that each query describes."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Training images with their captions."""

    images: Vectors
    """float32 [m, d], unit length."""
    captions: Vectors
    """float32 [b, d], unit length."""
    owners: npt.NDArray[np.int64]
    """[b] the place in `images` of the image that each caption describes."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a stage is prepared from. Nothing here was learnt from what is asked, but for `queries`."""

    gallery: Gallery
    bank: Vectors
    """float32 [b, d], unit length: training captions, never those of the test split."""
    validation: Lists | None = None
    """Where numbers of neighbours, weights and temperatures are chosen."""
    queries: Vectors | None = None
    """float32 [q, d]: all queries that will be asked. Only transductive kinds get them."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Trained files (`config`, `weights`) and token files, by name."""
    pairs: Pairs | None = None
    """Training images with the captions of `bank`, never of the test split."""

    def needed_validation(self, kind: str) -> Lists:
        """Return the validation lists; UserError where there are none or they hold no query."""
        if self.validation is None or not len(self.validation.found.queries):
            raise UserError(
                f"stage {kind}: what it leaves open is chosen on validation lists, and there are none; "
                "give it lists of the validation split or a number for every parameter"
            )
        return self.validation

    def needed_pairs(self, kind: str) -> Pairs:
        """Return the training pairs; UserError where there are none."""
        if self.pairs is None or not len(self.pairs.captions):
            raise UserError(f"stage {kind}: needs training images with their captions, and there are none")
        return self.pairs

    def file(self, kind: str, name: str) -> Path:
        """Return the file called `name`; UserError where the stage has got none."""
        if name not in self.files:
            raise UserError(f"stage {kind}: needs a file {name}, has {', '.join(self.files) or 'none'}")
        return self.files[name]


def vectors_at(vectors: Any, positions: npt.NDArray[np.int64]) -> Vectors:
    """Return the vectors at `positions` [..] as float32 [.., d]; for position -1 any vector.

    `vectors` are an array [n, d] or a store of them, which has `rows(positions)` (search/store.py).
    """
    places = np.maximum(positions, 0)
    found: Vectors = vectors.rows(places) if hasattr(vectors, "rows") else vectors[places]
    return found
