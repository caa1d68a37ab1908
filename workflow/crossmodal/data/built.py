"""What every kind of dataset hands over to be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from crossmodal.data.tables import Example


class Reject(NamedTuple):
    """An image that could not be used, and why."""

    image_id: str
    path: str
    reason: str


@dataclass(frozen=True)
class Built:
    """A dataset ready to be written."""

    splits: Mapping[str, Iterable[Example]]
    """train, val and test; examples are made while they are iterated, once and in this order."""
    rejects: list[Reject]
    """Filled while the splits are iterated."""
    sheet: dict[str, Any]
    """Facts for the data sheet: title, description, sources, captions, splits, known_limits; filled
    while the splits are iterated, too."""
