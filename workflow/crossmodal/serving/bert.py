"""The forward pass of a BERT encoder in numpy: one query takes milliseconds, importing torch takes seconds.

The same function as `transformers`' BertModel with the poolings that open_clip offers and its linear projection
(Devlin et al. 2018, arXiv 1810.04805), in float32, for one sequence at a time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Array = npt.NDArray[np.float32]

POOLS = {"mean_pooler": "mean", "cls_last_hidden_state_pooler": "cls"}
"""open_clip's names of the ways to make one vector of the tokens' vectors that are known here."""


def is_supported(config: Mapping[str, Any], text_cfg: Mapping[str, Any]) -> bool:
    """Return whether `Bert` computes what the tower of `config` (Hugging Face's) with `text_cfg` computes."""
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder")
        and not config.get("add_cross_attention")
        and text_cfg.get("hf_pooler_type") in POOLS
        and text_cfg.get("hf_proj_type") == "linear"
    )


class Bert:
    """A text tower as arrays; `tensors` have open_clip's names, from `text.` on."""

    def __init__(self, config: Mapping[str, Any], pool: str, tensors: Mapping[str, Array]) -> None:
        self._heads = int(config["num_attention_heads"])
        self._layers = int(config["num_hidden_layers"])
        self._epsilon = np.float32(config.get("layer_norm_eps", 1e-12))
        self._padding = config.get("pad_token_id", 0)
        self._pool = POOLS[pool]
        self._tensors = {name.removeprefix("text.transformer."): t for name, t in tensors.items()}
        self._check()

    def _check(self) -> None:
        """Raise KeyError where a tensor is missing."""
        for layer in range(self._layers):
            for part in (
                "attention.self.query",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            ):
                self._tensors[f"encoder.layer.{layer}.{part}.weight"]
        self._tensors["text.proj.weight"]

    def __call__(self, tokens: npt.NDArray[np.int64]) -> Array:
        """Return the unit-length vector, float32 [d], of one sequence of token ids, int64 [t]."""
        kept = tokens != self._padding
        t = self._tensors
        x = t["embeddings.word_embeddings.weight"][tokens]
        x = x + t["embeddings.position_embeddings.weight"][: len(tokens)]
        x = x + t["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(self._layers):
            path = f"encoder.layer.{layer}"
            x = self._norm(x + self._attention(x, path, kept), f"{path}.attention.output.LayerNorm")
            hidden = _gelu(self._linear(x, f"{path}.intermediate.dense"))
            x = self._norm(x + self._linear(hidden, f"{path}.output.dense"), f"{path}.output.LayerNorm")
        pooled = x[kept].mean(axis=0) if self._pool == "mean" else x[0]
        vector = t["text.proj.weight"] @ pooled
        unit: Array = vector / max(np.linalg.norm(vector), np.float32(1e-12))
        return unit

    def _attention(self, x: Array, path: str, kept: npt.NDArray[np.bool_]) -> Array:
        length, width = x.shape
        query, key, value = (
            self._linear(x, f"{path}.attention.self.{part}").reshape(length, self._heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )  # [heads, length, width / heads]
        scores = query @ key.swapaxes(1, 2) / np.float32(np.sqrt(width / self._heads))
        scores = np.where(kept, scores, np.float32(-np.inf))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ value).swapaxes(0, 1).reshape(length, width)
        return self._linear(mixed, f"{path}.attention.output.dense")

    def _linear(self, x: Array, path: str) -> Array:
        product: Array = x @ self._tensors[f"{path}.weight"].T + self._tensors[f"{path}.bias"]
        return product

    def _norm(self, x: Array, path: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        scaled: Array = centred / np.sqrt(variance + self._epsilon)
        return scaled * self._tensors[f"{path}.weight"] + self._tensors[f"{path}.bias"]


def _gelu(x: Array) -> Array:
    found: Array = x * np.float32(0.5) * (1 + erf(x * np.float32(2**-0.5)))
    return found
