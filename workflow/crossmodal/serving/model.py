"""The model of a search: where it lies, what tells it from others, and how to load it whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crossmodal.errors import UserError
from crossmodal.provenance.digests import md5
from crossmodal.serving.weights import ModelFiles

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP


@dataclass(frozen=True)
class Model:
    """A model in a folder (`files`), or one of the hub, of which only its `name` is known here."""

    name: str
    files: ModelFiles | None
    load: Callable[[], "CLIP"]
    """Loads the whole model with its adapter, in eval(); called only where a tower alone will not do."""
    adapter: Path | None = None

    def digest(self) -> str:
        """Return the digest that embeddings and indexes have: MD5 of the weights, "+", MD5 of the adapter's.

        Of a model of the hub, "hub:" and its name. Raises UserError where a file is missing.
        """
        try:
            found = md5(self.files.weights) if self.files else f"hub:{self.name}"
            if self.adapter is None:
                return found
            return f"{found}+{md5(self.adapter / 'adapter_model.safetensors')}"
        except FileNotFoundError as error:
            raise UserError(f"{error.filename}: no such file; a model's folder has one") from None
