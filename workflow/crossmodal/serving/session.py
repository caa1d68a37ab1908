"""An index folder and the model that it was made with, open for questions: what `search` and `serve` share.

Opening reads next to nothing: the index is memory-mapped, of the items only the hits are read, and of the model
only the tower that is asked.
"""

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.serving.encoder import Encoder
from crossmodal.serving.items import Items
from crossmodal.serving.model import Model
from crossmodal.serving.pictures import Pictures

if TYPE_CHECKING:
    from crossmodal.search.searcher import Searcher


@dataclass(frozen=True)
class Hit:
    """One item of an answer."""

    rank: int
    """From 1."""
    score: float
    """Inner product of the unit vectors of query and item; the index's approximation where it keeps no vectors."""
    row: int
    """The item's position in the index."""
    id: str
    name: str
    """What a person would call it."""
    path: str | None
    """Where its picture is: a file, or `FILE.parquet#ROW`; None where that is not on record."""
    label: str | None
    caption: str | None
    image_id: str
    _pictures: Pictures = field(repr=False, compare=False)

    @property
    def place(self) -> str | None:
        """Where its picture is, looked up where the index does not say: a file, or `FILE.parquet#ROW`."""
        return self._pictures.place(self.image_id, self.path)

    @property
    def picture(self) -> bytes | None:
        """The encoded image, read now; None where there is none (any more)."""
        return self._pictures.find(self.image_id, self.path)


class Session:
    """Searches in one index; its methods may be called from several threads at once."""

    def __init__(self, folder: Path, encoder: Encoder, items: Items, pictures: Pictures) -> None:
        self._folder, self.encoder, self.items, self.pictures = folder, encoder, items, pictures
        self._searchers: dict[str, Searcher] = {}
        self._lock = Lock()

    def text(self, query: str, top: int) -> list[Hit]:
        """Return the `top` items that fit the text `query` best, fewer where the index has fewer."""
        return self._hits("text", self.encoder.text(query), top)

    def image(self, query: Path | bytes, top: int) -> list[Hit]:
        """Return the `top` items most like an image, given as its file or that file's bytes.

        Raises UserError where it is no image that can be read.
        """
        name = str(query) if isinstance(query, Path) else "the image"
        try:
            data = query.read_bytes() if isinstance(query, Path) else query
            return self._hits("image", self.encoder.image(data), top)
        except OSError as error:
            raise UserError(f"{name}: cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise UserError(f"{name}: {error}; a query is text or the path of an image file") from None

    def hit(self, row: int) -> Hit:
        """Return the item at a position in the index; IndexError where there is none."""
        if not 0 <= row < len(self.items):
            raise IndexError(row)
        return self._described([(0.0, row)])[0]

    def prepare(self, side: str) -> "Searcher":
        """Open the index for queries of a side, "text" or "image", unless that was done."""
        with self._lock:
            if side not in self._searchers:
                from crossmodal.search.searcher import open_searcher

                self._searchers[side] = open_searcher(self._folder, side)
            return self._searchers[side]

    def _hits(self, side: str, vector: npt.NDArray[np.float32], top: int) -> list[Hit]:
        scores, positions = self.prepare(side).search(vector[None], min(top, len(self.items)))
        found = zip(scores[0].tolist(), positions[0].tolist(), strict=True)
        return self._described([(score, row) for score, row in found if row >= 0])

    def _described(self, found: Sequence[tuple[float, int]]) -> list[Hit]:
        rows = self.items.rows([row for _, row in found])
        return [
            Hit(
                rank, score, row, said["id"], said["name"] or said["id"], said["path"], said["label"],
                said["caption"], said["image_id"] or said["id"], self.pictures,
            )
            for rank, ((score, row), said) in enumerate(zip(found, rows, strict=True), start=1)
        ]  # fmt: skip


def open_session(folder: Path, model: Model, pictures: Pictures | None = None, side: str = "text") -> Session:
    """Return the index in `folder`, ready for queries of a side with `model`, whose vectors it must hold.

    Index, items, tower and the model's digest are read at the same time. Raises UserError where one of them is
    missing or broken, or where the index was made with another model.
    """
    pictures = pictures or Pictures(roots=[Path(), folder])
    with _no_collection(), ThreadPoolExecutor(3) as pool:
        encoder = Encoder(model.files, model.load)
        checked = pool.submit(check_model, folder, model)
        tower = pool.submit(encoder.prepare_image if side == "image" else encoder.prepare_text)
        session = Session(folder, encoder, Items(folder / "items.parquet"), pictures)
        session.prepare(side)
        tower.result()
        checked.result()
    return session


@contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage: imports make many objects that stay, and looking at them is a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check_model(folder: Path, model: Model) -> None:
    """Raise UserError where the index in `folder` says that another model made its vectors."""
    from crossmodal.serving.weights import read_object

    said, own = read_object(folder / "card.json").get("model"), model.digest()
    if said is not None and own is not None and said != own:
        raise UserError(
            f"{folder}: was made with another model (card.json has {said}, this one is {own}); "
            "name the index's own, or index this model's embeddings"
        )
