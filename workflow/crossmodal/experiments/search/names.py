"""Names of ways to search: `<index>[+<stage>][@<gallery>][@<shift>]`, the variant of their numbers.

A name without a gallery is of the first one, the target's own images; one without a shift is of captions as they
are. No gallery has the name of a shift.
"""

from typing import NamedTuple

CLEAN = "clean"
"""How captions as they are are called among shifts."""
RECALLS = ("recall@1", "recall@5", "recall@10")
INDEX_RECALL = "index_recall@10"
"""Share of the exhaustive top ten that a way has in its own first ten."""
KEPT = (*RECALLS, "ndcg@10")
"""What is kept and reported of the metrics of single queries (statistics/metrics.py)."""
ENCODE = "encode"
"""What turns captions into vectors, timed beside the ways to search."""
AGAIN = " again"
"""What the name of a way that is timed a second time ends with."""
ALL, OWN, DISTRACTORS, PAIRS = "all", "own", "distractors", "pairs"
"""What the query-blind probe compares right answers with (blindness.METRICS)."""
WITH_TOKENS = ("tokens",)
"""The kinds of second stages that see tokens: their modules, which say so too, import torch."""
REFINE, EXPAND = "refine", "expand"
OWN_STAGES = {
    REFINE: "refined by the index's own vectors",
    EXPAND: "expanded along the co-occurrence graph",
}
"""What follows an index without being a kind of second stage."""


class Way(NamedTuple):
    """A way to search, where, and how it is asked."""

    base: str
    """The index."""
    stage: str = ""
    gallery: str = ""
    """Empty for the first."""
    shift: str = ""
    """Empty for captions as they are."""

    @property
    def plain(self) -> str:
        """The way alone: `ivf-pq+rerank`."""
        return with_stage(self.base, self.stage)

    @property
    def variant(self) -> str:
        return "@".join(part for part in (self.plain, self.gallery, self.shift) if part)

    @property
    def place(self) -> tuple[str, str]:
        return self.gallery, self.shift


def with_stage(index: str, stage: str) -> str:
    """Return the way to search by `index` and then `stage`; names of indexes hold no plus sign."""
    return f"{index}+{stage}" if stage else index


def read_way(variant: str, galleries: tuple[str, ...] | list[str] = ()) -> Way:
    """Return the way that a variant is the name of; what follows "@" is a shift unless it is in `galleries`."""
    plain, *places = variant.split("@")
    index, _, stage = plain.partition("+")
    gallery = next((place for place in places if place in galleries), "")
    return Way(index, stage, gallery, next((place for place in places if place not in galleries), ""))
