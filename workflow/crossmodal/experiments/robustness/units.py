"""The unit that epsilon of an attack on texts counts in."""

from collections.abc import Sequence
from pathlib import Path

from crossmodal.data.tables import read_table
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import tokenize
from crossmodal.models.dual_encoder import mean_token_norm, used_tokens


def read_captions(split: Path) -> list[str]:
    """Return all captions of the dataset file `split`, those of one image side by side."""
    rows = read_table(split, ["captions"]).column("captions").to_pylist()
    return [caption for own in rows for caption in own]


def measure_unit(model: CLIP, captions: Sequence[str]) -> dict[str, float]:
    """Return `norm`, the mean norm of the embeddings of the words in `captions`, each once, and what it is beside.

    `model` is the base model. `table` is the mean norm of its whole table, `tokens` how many words there are.
    """
    tokens = tokenize(model, list(captions))
    return {
        "norm": mean_token_norm(model, tokens),
        "table": mean_token_norm(model),
        "tokens": len(used_tokens(model, tokens)),
    }
