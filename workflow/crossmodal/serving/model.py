"""The model of a search: where it lies, what tells it from others, and how to load it whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossmodal.serving.weights import ModelFiles

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP


@dataclass(frozen=True)
class Model:
    """A model with or without an adapter; in a folder, or of the hub."""

    digest: Callable[[], str]
    """Reads what tells it from others, as embeddings and indexes have it in `model`; UserError where it cannot."""
    files: ModelFiles | None
    """Where it lies; None for one of the hub."""
    load: Callable[[], "CLIP"]
    """Loads the whole model with its adapter, in eval(); called only where a tower alone will not do."""
