"""What the token-level re-ranker reads: the tokens of items and the words of queries."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.reranking.token_files import Codes, Floats, Rows, Words, open_patches, read_words, restore


class Source(NamedTuple):
    """The tokens of a gallery's items and the words of a set's captions."""

    patches: Codes
    """Memory-mapped: a row is read when it is a candidate."""
    words: Words
    item: Rows | None = None
    """[n] whose tokens an item gets, [q] whose words a query gets; None for their own."""
    query: Rows | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """How many tokens an item has, and how many numbers each."""
        count, width = self.patches.dtype["tokens"].shape
        return count, width

    def tokens(self, positions: npt.NDArray[np.int64]) -> Floats:
        """Return the tokens float32 [..., p, c] of the items at `positions` [...]; for -1 those of any item."""
        places = np.maximum(positions, 0)
        return restore(self.patches[places if self.item is None else self.item[places]])

    def words_of(self, rows: Rows) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the words [b, l, d] of the queries `rows` [b] and which count, bool [b, l]."""
        return self.words.rows(rows if self.query is None else self.query[rows])


def open_source(patches: Path, words: Path, control: str) -> Source:
    """Return what the two files hold; with the control "shuffled" each item and query has another's, at random."""
    source = Source(open_patches(patches), read_words(words))
    if control != "shuffled":
        return source
    generator = np.random.default_rng(0)
    orders = (
        generator.permutation(size).astype(np.int64) for size in (len(source.patches), len(source.words))
    )
    return Source(source.patches, source.words, *orders)


def check_rows(source: Source, rows: Rows | None, queries: int, words: Path) -> Rows:
    """Return `rows`, which caption each query is; UserError where that is not said or not in the file `words`."""
    if rows is None:
        raise UserError("stage tokens: the candidates do not say which caption each query is (rows)")
    if queries and (int(rows.min()) < 0 or int(rows.max()) >= len(source.words)):
        raise UserError(
            f"{words}: states of {len(source.words)} captions, asked for row {int(rows.max())}; "
            "give the words of the queries' own set"
        )
    return rows
