"""Attacks for use outside training: `from crossmodal.attacks import attack_images`.

The functions are those of `crossmodal.attacks.api`, imported when first asked for: whoever imports one module of
this package (the Snakefile its parameters, a job its balls) imports neither torch nor the other modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers, and for the fingerprint of a job that uses these names
    from crossmodal.attacks.api import attack_embeddings, attack_images, attack_pairs, attack_texts

__all__ = ["attack_embeddings", "attack_images", "attack_pairs", "attack_texts"]


def __getattr__(name: str) -> Any:
    """Return one of the functions above (PEP 562)."""
    if name in __all__:
        return getattr(import_module("crossmodal.attacks.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
