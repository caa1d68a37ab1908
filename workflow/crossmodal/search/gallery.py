"""What is searched: the target's images and distractors, and the candidates an index returns from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.models.embeddings import Embeddings, Vectors


@dataclass(frozen=True, slots=True)
class Gallery:
    """The images of an index, in its order."""

    ids: list[str]
    labels: list[str]
    vectors: Vectors
    """float32 [n, d], unit length."""
    origins: npt.NDArray[np.int64]
    """[n], from which set each image is: 0 for the split that is asked about, then distractors by their order."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The first k items of a gallery for each of q queries, best first."""

    queries: Vectors
    """float32 [q, d], unit length."""
    positions: npt.NDArray[np.int64]
    """[q, k] positions in the gallery, -1 where the index found nothing more."""
    scores: Vectors
    """float32 [q, k], the index's own (approximate) inner products."""
    relevant: npt.NDArray[np.bool_]
    """[q, k], whether the candidate shows what the query asks for."""
    rows: npt.NDArray[np.int64]
    """[q], which query of its set each is."""


def assemble(own: Embeddings, distractors: Sequence[Embeddings]) -> Gallery:
    """Return the images of `own`, then those of `distractors` whose label no image of `own` has.

    A distractor is thereby never the right answer to a query about `own`, and its order is that of its file.
    """
    asked = set(own.labels)
    ids, labels, parts = list(own.ids), list(own.labels), [own.vectors]
    origins = [0] * len(own.ids)
    for origin, other in enumerate(distractors, start=1):
        kept = [i for i, label in enumerate(other.labels) if label not in asked]
        ids += [other.ids[i] for i in kept]
        labels += [other.labels[i] for i in kept]
        parts.append(other.vectors[kept])
        origins += [origin] * len(kept)
    return Gallery(ids, labels, np.ascontiguousarray(np.concatenate(parts)), np.asarray(origins, np.int64))


def find_candidates(searcher: Any, gallery: Gallery, queries: Embeddings, k: int) -> Candidates:
    """Return what `searcher` over `gallery` finds for every query; k is at most the gallery's size.

    Anything whose `search(vectors, k)` gives scores and positions will do: a Searcher or an index of FAISS.
    """
    k = min(k, len(gallery.ids))
    scores, positions = searcher.search(np.ascontiguousarray(queries.vectors), k)
    labels = np.asarray([*gallery.labels, ""], dtype=object)  # position -1 takes the last: no label
    relevant = labels[positions] == np.asarray(queries.labels, dtype=object)[:, None]
    relevant = relevant.astype(bool) & (positions >= 0)
    return Candidates(queries.vectors, positions, scores, relevant, np.arange(len(queries.vectors)))
