"""The cross-attention re-ranker: a small transformer that sees a query and its candidates together."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.search.gallery import Candidates
from crossmodal.search.settings import RerankerParameters


class Reranker(nn.Module):
    """Scores every candidate in the company of the query and of the other candidates.

    A token is a projected frozen embedding; a candidate's also holds its first-stage score, its exact inner
    product with the query and its first-stage rank. The output is added to the exact inner product and starts
    at zero: an untrained re-ranker puts the candidates in the order of exhaustive search, no other.
    """

    def __init__(self, dimension: int, params: RerankerParameters) -> None:
        super().__init__()
        self.dimension, self.params = dimension, params
        self.query = nn.Linear(dimension, params.width)
        self.candidate = nn.Linear(dimension, params.width)
        self.scores = nn.Linear(2, params.width)
        self.rank = nn.Embedding(params.candidates, params.width)
        layer = nn.TransformerEncoderLayer(
            params.width, params.heads, 4 * params.width, params.dropout,
            activation="gelu", batch_first=True, norm_first=True,
        )  # fmt: skip
        self.transformer = nn.TransformerEncoder(layer, params.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(params.width)
        self.head = nn.Linear(params.width, 1)
        self.scale = nn.Parameter(torch.tensor(3.0))  # of the exact inner product, as a logarithm
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if params.final_projection_only:
            self.requires_grad_(False)
            self.head.requires_grad_(True)

    def forward(self, queries: Tensor, candidates: Tensor, scores: Tensor, present: Tensor) -> Tensor:
        """Return a score for each candidate, float32 [b, k], -1e9 where there is none.

        `queries` [b, d], `candidates` [b, k, d], first-stage `scores` [b, k] in the order of the first stage,
        `present` bool [b, k]. k is at most `params.candidates`.
        """
        exact = torch.einsum("bd,bkd->bk", queries, candidates)
        ranks = self.rank.weight[: candidates.shape[1]]
        numbers = torch.stack([scores.masked_fill(~present, 0), exact], dim=-1)
        tokens = self.candidate(candidates) + self.scores(numbers) + ranks
        tokens = torch.cat([self.query(queries).unsqueeze(1), tokens], dim=1)
        absent = torch.cat([torch.zeros_like(present[:, :1]), ~present], dim=1)
        seen = self.transformer(tokens, src_key_padding_mask=absent)
        correction = self.head(self.norm(seen[:, 1:])).squeeze(-1)
        result: Tensor = (self.scale.exp() * exact + correction).masked_fill(~present, -1e9)
        return result


def rerank(
    model: Reranker, vectors: Vectors, found: Candidates, batch_size: int = 64
) -> npt.NDArray[np.int64]:
    """Return `found.positions` [q, k] with the model's first `candidates` places in the model's order.

    What lies beyond them keeps its place. Ties keep the order of the first stage.
    """
    k = min(model.params.candidates, found.positions.shape[1])
    result = found.positions.copy()
    with torch.inference_mode():
        for start in range(0, len(result), batch_size):
            block = slice(start, start + batch_size)
            scores = model(*tensors_of(vectors, found, np.arange(len(result))[block], k))
            order = torch.argsort(scores, dim=1, descending=True, stable=True).numpy()
            result[block, :k] = np.take_along_axis(found.positions[block, :k], order, axis=1)
    return result


def tensors_of(
    vectors: Vectors, found: Candidates, rows: npt.NDArray[np.int64], k: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the model's arguments for the queries `rows` and their first k candidates."""
    positions = found.positions[rows, :k]
    return (
        torch.from_numpy(found.queries[rows]),
        torch.from_numpy(vectors[np.maximum(positions, 0)]),
        torch.from_numpy(found.scores[rows, :k]),
        torch.from_numpy(positions >= 0),
    )


def save_reranker(model: Reranker, config: Path, weights: Path) -> None:
    """Write the model as JSON (its parameters) and safetensors."""
    content = {"dimension": model.dimension, "parameters": model.params.model_dump(mode="json")}
    config.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)


def load_reranker(config: Path, weights: Path) -> Reranker:
    """Return the saved model in eval(); UserError if the files are broken or do not belong together."""
    try:
        content = json.loads(config.read_text())
        params = RerankerParameters.model_validate(content["parameters"])
        model = Reranker(content["dimension"], params)
        model.load_state_dict(load_file(weights))
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        ValidationError,
        RuntimeError,
        SafetensorError,
    ) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights}: not a readable re-ranker ({reason}); remove it and run again") from None
    return model.eval()
