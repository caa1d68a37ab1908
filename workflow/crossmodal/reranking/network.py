"""The re-ranker's network: a small transformer that sees a query and its candidates together."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, relu, scaled_dot_product_attention

from crossmodal.reranking.features import CLIP, features, sizes, spread
from crossmodal.reranking.settings import NetworkParameters


class Reranker(nn.Module):
    """Corrects the exact score of every candidate in the company of the query and of the other candidates.

    Tokens are [query, candidate 1..c]; a candidate's is a projection of its `features`, which are brought to one
    scale by what they are in the training lists (`fit_scale`). The last projection starts at zero: an
    untrained re-ranker corrects nothing. Candidates have no positions: whatever order they come in, each gets the
    same correction.
    """

    def __init__(
        self, dimension: int, params: NetworkParameters, final_projection_only: bool = False
    ) -> None:
        super().__init__()
        self.dimension, self.params = dimension, params
        self.groups = sizes(dimension, params.pillars, params.bank > 0)
        count = sum(self.groups.values())
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))
        self.query = nn.Linear(dimension, params.width)
        self.candidate = nn.Linear(count, params.width)
        self.blocks = nn.ModuleList(Block(params) for _ in range(params.layers))
        self.norm = nn.LayerNorm(params.width)
        self.head = nn.Linear(params.width, 1)
        self.scale = nn.Parameter(torch.tensor(3.0))
        """Logarithm of what one unit of the inner product is worth in the loss."""
        self._start()
        if final_projection_only:
            self.requires_grad_(False)
            self.head.requires_grad_(True)

    def _start(self) -> None:
        """Let each group of features have the same variance in a token, and let the last projection be zero."""
        parts = [torch.randn(self.params.width, size) / size**0.5 for size in self.groups.values()]
        with torch.no_grad():
            self.candidate.weight.copy_(torch.cat(parts, dim=1))
            self.query.weight.normal_()  # queries have unit length: each output has variance 1
        for linear in (self.head, self.candidate, self.query):
            nn.init.zeros_(linear.bias)
        nn.init.zeros_(self.head.weight)

    def fit_scale(self, queries: Tensor, items: Tensor, exact: Tensor) -> None:
        """Take mean and deviation of each feature from these lists (arguments as in `forward`)."""
        values = features(queries, items, exact, self.params.pillars)[exact > -torch.inf]
        self.mean, self.deviation = spread(values, self.groups)

    def forward(self, queries: Tensor, items: Tensor, exact: Tensor) -> Tensor:
        """Return what is to be added to the exact score of each candidate, float32 [b, c]; 0 where there is none.

        `queries` [b, d], `items` [b, c, d] of unit length, each with its nearness behind it where `params.bank`
        asks for that, `exact` [b, c] their inner products, -inf for an absent candidate. The correction has the
        units of the inner product.
        """
        present = exact > -torch.inf
        tokens = torch.cat([self.query(queries)[:, None], self.tokens(queries, items, exact)], dim=1)
        mask = None
        if not bool(present.all()):
            seen = torch.cat([torch.ones_like(present[:, :1]), present], dim=1)
            mask = seen[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, mask)
        correction: Tensor = self.head(self.norm(tokens[:, 1:])).squeeze(2) / self.scale.exp()
        return correction.masked_fill(~present, 0)

    def tokens(self, queries: Tensor, items: Tensor, exact: Tensor) -> Tensor:
        """Return the candidates' tokens before any attention, [b, c, width]."""
        result: Tensor = self.candidate(self.scaled(queries, items, exact))
        return result

    def scaled(self, queries: Tensor, items: Tensor, exact: Tensor) -> Tensor:
        """Return the candidates' features on one scale, [b, c, f]."""
        values = features(queries, items, exact, self.params.pillars)
        factor = self.deviation.reciprocal()
        return torch.addcmul(-self.mean * factor, values, factor).clamp_(-CLIP, CLIP)

    def shares(self, queries: Tensor, items: Tensor, exact: Tensor) -> dict[str, float]:
        """Return the share that each group of features has in the variance of the candidates' tokens."""
        values = self.scaled(queries, items, exact)[exact > -torch.inf]
        parts = values.split(list(self.groups.values()), dim=1)
        weights = self.candidate.weight.split(list(self.groups.values()), dim=1)
        found = [
            float((part @ weight.detach().T).var(dim=0).mean())
            for part, weight in zip(parts, weights, strict=True)
        ]
        return {name: value / sum(found) for name, value in zip(self.groups, found, strict=True)}


class Block(nn.Module):
    """Self-attention, then a layer between, both after a norm and beside a residual path."""

    def __init__(self, params: NetworkParameters) -> None:
        super().__init__()
        self.heads, self.dropout = params.heads, params.dropout
        self.first_norm, self.second_norm = nn.LayerNorm(params.width), nn.LayerNorm(params.width)
        self.attend = nn.Linear(params.width, 3 * params.width)
        self.out = nn.Linear(params.width, params.width)
        self.up = nn.Linear(params.width, params.feedforward)
        self.down = nn.Linear(params.feedforward, params.width)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Return tokens [b, n, width]; `mask` bool [b, 1, 1, n] says which of them are seen, None for all."""
        b, n, width = tokens.shape
        rate = self.dropout if self.training else 0.0
        parts = self.attend(self.first_norm(tokens)).view(b, n, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)
        seen = self.out(seen.transpose(1, 2).reshape(b, n, width))
        tokens = tokens + (dropout(seen, rate) if rate else seen)
        hidden = self.down(relu(self.up(self.second_norm(tokens))))
        result: Tensor = tokens + (dropout(hidden, rate) if rate else hidden)
        return result
