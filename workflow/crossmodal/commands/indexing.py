"""From a file of vectors to an index folder: each block is looked at once, and nothing is held whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.progress import progress
from crossmodal.search.build import build_index
from crossmodal.search.checks import check_count
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.formats.vector_file import BLOCK, VectorFile
from crossmodal.search.points import Choice, choose_point, points_of
from crossmodal.search.searcher import Searcher, read_index
from crossmodal.search.settings import IndexParameters
from crossmodal.search.store import VectorStore, open_store, write_store

QUERIES, K = 1000, 10
"""Queries that the operating point is chosen on at most, and results of each that count."""
CAPTIONS = 200_000
"""Training captions that are used at most: 400 MB at width 512."""


@dataclass(frozen=True, slots=True)
class Built:
    """What became of the vectors."""

    items: int
    dimension: int
    factory: str
    size: int
    """Bytes of the index, without exact vectors."""
    choices: dict[str, Choice]
    """The operating point for "text" and for "image" queries."""
