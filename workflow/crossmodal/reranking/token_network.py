"""The token-level re-ranker: the words of a query attend to the tokens of each candidate (after EDJE, 2510.06820)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.reranking.token_compression import Compression

NUMBERS = 3
EPSILON = 1e-6


class TokenNetwork(nn.Module):
    """Scores each candidate by what its tokens have of each word of the query, in the company of the others.

    Words come from the joint space, d numbers, and are taken by a linear map to the c numbers of the images'
    tokens, whose inner products then mean what the towers meant. Each word gathers from each candidate's tokens
    (cross-attention, softmax over that candidate's tokens) and is compared with what it gathered (their product,
    Chen et al. 2017, ESIM); the mean and the largest over the words, with three numbers of the list, make the
    candidate. `layers` of a transformer let candidates see each other; they have no places, so the order in which
    they come does not matter. The output is a correction of the exact inner product and starts at zero: untrained,
    this is exact re-scoring.
    """

    def __init__(self, dimension: int, tokens: int, params: Any) -> None:
        """`dimension` d of a word's state, `tokens` c numbers of a token, `params` as of kind `tokens`."""
        super().__init__()
        self.dimension, self.tokens, self.heads = dimension, tokens, params.heads
        width = params.width
        self.words = nn.Linear(dimension, tokens)
        self.word, self.query = nn.Linear(tokens, width), nn.Linear(tokens, width)
        self.source = nn.Linear(tokens, 2 * width)
        self.compared = nn.Linear(2 * width, width)
        self.numbers = nn.Linear(NUMBERS, width)
        self.pooled = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(params.dropout)
        layer = nn.TransformerEncoderLayer(
            width, params.heads, 2 * width, params.dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.company = nn.TransformerEncoder(layer, params.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)
        self.scale = nn.Parameter(torch.tensor(3.0))  # of the exact inner product, as a logarithm
        self.blind = params.control == "blind"
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def start_from(self, compression: Compression) -> None:
        """Let words be taken to the tokens' numbers as the tokens were: by their principal components."""
        components = torch.from_numpy(compression.components / compression.text_scale)
        with torch.no_grad():
            self.words.weight.copy_(components.T)
            self.words.bias.copy_(-(torch.from_numpy(compression.text_mean) @ components))

    def forward(self, words: Tensor, counts: Tensor, tokens: Tensor, exact: Tensor, present: Tensor) -> Tensor:
        """Return a score for each candidate, float32 [b, k], -1e9 where there is none.

        `words` [b, l, d] of which `counts` bool [b, l] are words, `tokens` [b, k, p, c], `exact` [b, k] the inner
        products of query and candidate, `present` bool [b, k].
        """
        exact = exact.masked_fill(~present, 0)
        if self.blind:
            words, counts = torch.zeros_like(words[:, :1]), torch.ones_like(counts[:, :1])
        words, tokens = _rescaled(self.words(words)), _rescaled(tokens)
        candidates = self._read(words, counts, tokens)
        if not self.blind:
            numbers = [_standardised(exact, present), *_alignment(words, counts, tokens, present)]
            candidates = candidates + self.numbers(torch.stack(numbers, dim=-1))
        absent = ~present & present.any(dim=1, keepdim=True)  # a list of nothing at all must not be all masked
        seen = self.company(self.dropout(candidates), src_key_padding_mask=absent)
        correction = self.head(self.norm(seen)).squeeze(-1)
        result: Tensor = (self.scale.exp() * exact + correction).masked_fill(~present, -1e9)
        return result

    def _read(self, words: Tensor, counts: Tensor, tokens: Tensor) -> Tensor:
        """Return the candidates [b, k, width]: what the words [b, l, c] find in the tokens [b, k, p, c]."""
        b, k, p, _ = tokens.shape
        query = self.query(words)
        keys, values = self.source(tokens).chunk(2, dim=-1)
        # The words are the same for every candidate: one product per head with the tokens of all of them.
        split = (self.heads, query.shape[2] // self.heads)
        ask = query.unflatten(2, split).transpose(1, 2)  # [b, heads, l, e]
        offered = keys.flatten(1, 2).unflatten(2, split).permute(0, 2, 3, 1)  # [b, heads, e, k p]
        logits = (ask @ offered).unflatten(3, (k, p)) / split[1] ** 0.5
        weights = logits.softmax(dim=4).permute(0, 3, 2, 4, 1)  # [b, k, l, p, heads]
        values = values.unflatten(3, split).unsqueeze(2)  # [b, k, 1, p, heads, e]
        gathered = (weights.unsqueeze(-1) * values).sum(dim=3).flatten(3)  # [b, k, l, width]
        both = torch.cat([gathered, gathered * query.unsqueeze(1)], dim=-1)
        found = functional.gelu(self.compared(both) + self.word(words).unsqueeze(1))
        shares = counts.float() / counts.sum(dim=1, keepdim=True).clamp_min(1)
        mean = torch.einsum("bklw,bl->bkw", found, shares)
        largest = found.masked_fill(~counts[:, None, :, None], -1.0).amax(dim=2)  # GELU is above -0.17
        pooled: Tensor = self.pooled(torch.cat([mean, largest], dim=-1))
        return pooled


def _rescaled(x: Tensor) -> Tensor:
    """Return vectors [..., c] whose numbers have a root mean square of 1: words and tokens enter alike."""
    return x * (x.square().mean(dim=-1, keepdim=True) + EPSILON).rsqrt()


def _alignment(words: Tensor, counts: Tensor, tokens: Tensor, present: Tensor) -> list[Tensor]:
    """Return two numbers of late interaction, [b, k] each: how well the words find a token, and tokens a word.

    The mean over the words of their best token's similarity (MaxSim, Khattab and Zaharia 2020), and the other way
    round, both standardised over the list.
    """
    similar = torch.einsum("blc,bkpc->bklp", words, tokens) / words.shape[-1]
    weights = counts.float() / counts.sum(dim=1, keepdim=True).clamp_min(1)
    by_word = torch.einsum("bkl,bl->bk", similar.amax(dim=3), weights)
    by_token = similar.masked_fill(~counts[:, None, :, None], -2.0).amax(dim=2).mean(dim=2)
    return [_standardised(by_word, present), _standardised(by_token, present)]


def _standardised(x: Tensor, present: Tensor) -> Tensor:
    """Return `x` [b, k] with mean 0 and standard deviation 1 over what is `present`, 0 elsewhere."""
    there = present.float()
    count = there.sum(dim=1, keepdim=True).clamp_min(1)
    centred = (x - (x * there).sum(dim=1, keepdim=True) / count) * there
    spread = (centred.square().sum(dim=1, keepdim=True) / count + EPSILON**2).sqrt()
    return centred / spread

