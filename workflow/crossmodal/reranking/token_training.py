"""Training the token-level re-ranker by the loop of the others (training.py).

That loop knows vectors: of queries, and of the items at given positions. Here an item's vector is followed by its
tokens, and a query's by zeros and, last, the number of its caption: inner products stay as they were.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.lists import merge
from crossmodal.reranking.material import Lists
from crossmodal.reranking.quality import Outcome
from crossmodal.reranking.token_network import TokenNetwork
from crossmodal.reranking.token_reading import Source
from crossmodal.reranking.training import fit

CAPTIONS = 2**24
"""Rows that a float32 tells apart."""


class Items:
    """Items of galleries, one after the other: their vectors with their tokens, a store for `vectors_at`."""

    def __init__(self, vectors: Vectors, sources: Sequence[Source]) -> None:
        self._vectors, self._sources = vectors, sources
        self._starts = np.cumsum([0, *(len(source.patches) for source in sources)])
        count, width = sources[0].shape
        self.shape = (len(vectors), vectors.shape[1] + count * width + 1)

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, positions: npt.NDArray[np.int64]) -> Vectors:
        """Return float32 [..., d + p c + 1] of the items at `positions` [...]; the last number is 0."""
        found = np.zeros((*positions.shape, self.shape[1]), dtype=np.float32)
        d = self._vectors.shape[1]
        found[..., :d] = self._vectors[positions]
        for start, source in zip(self._starts, self._sources, strict=False):
            own = (positions >= start) & (positions < start + len(source.patches))
            found[own, d:-1] = source.tokens(positions[own] - start).reshape(-1, self.shape[1] - d - 1)
        return found


class _Joined(nn.Module):
    """The network as the loop calls it, with vectors that hold tokens and caption numbers."""

    def __init__(self, network: TokenNetwork, sources: Sequence[Source], width: int) -> None:
        super().__init__()
        self.network, self.params, self.dimension = network, network.params, width
        self._sources = sources
        self._starts = np.cumsum([0, *(len(source.words) for source in sources)])

    @property
    def scale(self) -> nn.Parameter:
        return self.network.scale

    def fit_scale(self, queries: Tensor, items: Tensor, exact: Tensor) -> None:
        """Leave the inputs as they are: the network brings them to one scale itself."""

    def forward(self, queries: Tensor, items: Tensor, exact: Tensor) -> Tensor:
        words, counts = self._words(queries[:, -1].numpy().astype(np.int64))
        count, width = self._sources[0].shape
        tokens = items[:, :, -1 - count * width : -1].unflatten(2, (count, width))
        corrections: Tensor = self.network(words, counts, tokens, exact)
        return corrections

    def _words(self, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        parts = []
        for start, source in zip(self._starts, self._sources, strict=False):
            own = np.flatnonzero((rows >= start) & (rows < start + len(source.words)))
            parts.append((own, *source.words_of(rows[own] - start)))
        longest = max(states.shape[1] for _, states, _ in parts)
        words = np.zeros((len(rows), longest, self.network.dimension), dtype=np.float32)
        counts = np.zeros((len(rows), longest), dtype=bool)
        for own, states, present in parts:
            words[own, : states.shape[1]], counts[own, : states.shape[1]] = states, present
        return torch.from_numpy(words), torch.from_numpy(counts)


def fit_tokens(
    network: TokenNetwork, training: Sequence[Lists], sources: Sequence[Source], validation: Lists, held: Source,
    seed: int, log: Path,
) -> Outcome:  # fmt: skip
    """Train `network` in place as `training.fit` trains any, and return what was chosen.

    `sources` are the tokens and words of the `training` lists, `held` those of `validation`; `Candidates.rows`
    must say which caption each query is.
    """
    everything = [*sources, held]
    lists, checked = (
        _joined(training, sources, 0),
        _joined([validation], [held], sum(len(s.words) for s in sources)),
    )
    model = _Joined(network, everything, checked.vectors.shape[1])
    return fit(cast(Any, model), [lists], checked, cast(Any, network.params), seed, log)


def _joined(parts: Sequence[Lists], sources: Sequence[Source], first: int) -> Lists:
    """Return `parts` as one list whose vectors hold what `_Joined` needs; captions are numbered from `first`."""
    for part, source in zip(parts, sources, strict=True):
        if len(part.vectors) != len(source.patches):
            raise UserError(
                f"stage tokens: tokens of {len(source.patches)} images for a gallery of {len(part.vectors)}"
            )
    starts = first + np.cumsum([0, *(len(source.words) for source in sources)])
    if starts[-1] > CAPTIONS:
        raise UserError(f"stage tokens: {starts[-1]} captions in all; at most {CAPTIONS} can be told apart")
    numbers = np.concatenate([part.found.rows + start for part, start in zip(parts, starts, strict=False)])
    lists = merge(parts)
    items = Items(lists.vectors, sources)
    queries = np.zeros((len(numbers), items.shape[1]), dtype=np.float32)
    queries[:, : lists.vectors.shape[1]] = lists.found.queries
    queries[:, -1] = numbers
    return Lists(cast(Any, items), replace(lists.found, queries=queries), lists.owners)
