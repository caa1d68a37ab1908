"""The token-level re-ranker's network: the words of a query attend to the tokens of each candidate."""

import json
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from crossmodal.errors import UserError
from crossmodal.reranking.network import Block
from crossmodal.reranking.token_compression import Compression
from crossmodal.reranking.tokens_params import Params

NUMBERS = 4
EPSILON = 1e-6


class TokenNetwork(nn.Module):
    """Corrects the exact score of a candidate by what its tokens have of each word of the query.

    Words come from the joint space, d numbers, and are taken by a linear map to the c numbers of the images'
    tokens, whose inner products then mean what the towers meant. Each word gathers from each candidate's tokens
    (cross-attention, softmax over that candidate's tokens) and is compared with what it gathered (their product,
    Chen et al. 2017, ESIM); the mean and the largest over the words, with a few numbers of the list, make the
    candidate. In `layers` of a transformer candidates see each other; they have no places, so the order in which
    they come does not matter. The last projection starts at zero: an untrained network corrects nothing.
    """

    def __init__(self, dimension: int, tokens: int, params: Params) -> None:
        """`dimension` d of a word's state, `tokens` c numbers of a token."""
        super().__init__()
        self.dimension, self.tokens, self.params = dimension, tokens, params
        width = params.width
        self.words = nn.Linear(dimension, tokens)
        self.word, self.query = nn.Linear(tokens, width), nn.Linear(tokens, width)
        self.source = nn.Linear(tokens, 2 * width)
        self.compared = nn.Linear(2 * width, width)
        self.level = nn.LayerNorm(2 * width)
        self.pooled = nn.Linear(2 * width, width)
        self.numbers = nn.Linear(NUMBERS, width)
        self.dropout = nn.Dropout(params.dropout)
        self.blocks = nn.ModuleList(Block(cast(Any, params)) for _ in range(params.layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)
        self.scale = nn.Parameter(torch.tensor(3.0))
        """Logarithm of what one unit of the inner product is worth in the loss."""
        self._start()

    def _start(self) -> None:
        """Let what is added up have the same variance, whatever its width, and let the last projection be zero."""
        for linear in (self.word, self.query, self.source, self.compared, self.pooled, self.numbers):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def start_from(self, compression: Compression) -> None:
        """Let words be taken to the tokens' numbers as the tokens were: by the components of `compression`."""
        components = torch.from_numpy(compression.components / compression.text_scale)
        with torch.no_grad():
            self.words.weight.copy_(components.T)
            self.words.bias.copy_(-(torch.from_numpy(compression.text_mean) @ components))

    def forward(self, words: Tensor, counts: Tensor, tokens: Tensor, exact: Tensor) -> Tensor:
        """Return what is to be added to the exact score of each candidate, float32 [b, k]; 0 where there is none.

        `words` [b, l, d] of which `counts` bool [b, l] are words, `tokens` [b, k, p, c], `exact` [b, k] the inner
        products of query and candidate, -inf for an absent candidate. The correction has their units.
        """
        present = torch.isfinite(exact)
        blind = self.params.control == "blind"
        if blind:
            words, counts = torch.zeros_like(words[:, :1]), torch.ones_like(counts[:, :1])
        content, numbers = self.parts(words, counts, tokens, exact)
        x = self.dropout(content if blind else content + numbers)
        mask = None if bool(present.all()) else _seen(present)[:, None, None, :]
        for block in self.blocks:
            x = block(x, mask)
        correction: Tensor = self.head(self.norm(x)).squeeze(2) / self.scale.exp()
        return correction.masked_fill(~present, 0)

    def parts(self, words: Tensor, counts: Tensor, tokens: Tensor, exact: Tensor) -> tuple[Tensor, Tensor]:
        """Return what tokens and what the list's numbers have in the candidates, [b, k, width] each."""
        words, tokens = _rescaled(self.words(words)), _rescaled(tokens)
        numbers = self.numbers(_numbers(words, counts, tokens, exact, torch.isfinite(exact)))
        return self._read(words, counts, tokens), numbers

    def _read(self, words: Tensor, counts: Tensor, tokens: Tensor) -> Tensor:
        """Return the candidates [b, k, width]: what the words [b, l, c] find in the tokens [b, k, p, c]."""
        _, k, p, _ = tokens.shape
        query = self.query(words)
        keys, values = self.source(tokens).chunk(2, dim=-1)
        split = (self.params.heads, query.shape[2] // self.params.heads)
        # The words are the same for every candidate: one product per head with the tokens of all of them.
        ask = query.unflatten(2, split).transpose(1, 2)  # [b, heads, l, e]
        offered = keys.flatten(1, 2).unflatten(2, split).permute(0, 2, 3, 1)  # [b, heads, e, k p]
        logits = (ask @ offered).unflatten(3, (k, p)) / split[1] ** 0.5
        weights = logits.softmax(dim=4).permute(0, 3, 2, 4, 1)  # [b, k, l, p, heads]
        values = values.unflatten(3, split).unsqueeze(2)  # [b, k, 1, p, heads, e]
        gathered = (weights.unsqueeze(-1) * values).sum(dim=3).flatten(3)  # [b, k, l, width]
        both = torch.cat([gathered, gathered * query.unsqueeze(1)], dim=-1)
        found = functional.gelu(self.compared(both) + self.word(words).unsqueeze(1))
        mean = torch.einsum("bklw,bl->bkw", found, _shares(counts))
        largest = found.masked_fill(~counts[:, None, :, None], -1.0).amax(dim=2)  # GELU is above -0.17
        pooled: Tensor = self.pooled(self.level(torch.cat([mean, largest], dim=-1)))
        return pooled


def _seen(present: Tensor) -> Tensor:
    """Return which candidates the others see: those `present`, and all of a list without any."""
    return present | ~present.any(dim=1, keepdim=True)


def _shares(counts: Tensor) -> Tensor:
    """Return the weight of each word in the mean over those that count, [b, l]."""
    return counts.float() / counts.sum(dim=1, keepdim=True).clamp_min(1)


def _rescaled(x: Tensor) -> Tensor:
    """Return vectors [..., c] whose numbers have a root mean square of 1: words and tokens enter alike."""
    return x * (x.square().mean(dim=-1, keepdim=True) + EPSILON).rsqrt()


def _numbers(words: Tensor, counts: Tensor, tokens: Tensor, exact: Tensor, present: Tensor) -> Tensor:
    """Return what the list says of each candidate, [b, k, NUMBERS], each of standard deviation 1 in a list.

    The exact score, its gap to the best, and two of late interaction: the mean over the words of their best
    token's similarity (MaxSim, Khattab and Zaharia 2020), and over the tokens of their best word's.
    """
    similar = torch.einsum("blc,bkpc->bklp", words, tokens) / words.shape[-1]
    by_word = torch.einsum("bkl,bl->bk", similar.amax(dim=3), _shares(counts))
    by_token = similar.masked_fill(~counts[:, None, :, None], -2.0).amax(dim=2).mean(dim=2)
    score = _standardised(exact.masked_fill(~present, 0), present)
    best = score.masked_fill(~present, -torch.inf).amax(dim=1, keepdim=True)
    gap = (score - best).masked_fill(~present, 0)
    return torch.stack(
        [score, gap, _standardised(by_word, present), _standardised(by_token, present)], dim=-1
    )


def _standardised(x: Tensor, present: Tensor) -> Tensor:
    """Return `x` [b, k] with mean 0 and standard deviation 1 over what is `present`, 0 elsewhere."""
    there = present.float()
    count = there.sum(dim=1, keepdim=True).clamp_min(1)
    centred = (x - (x * there).sum(dim=1, keepdim=True) / count) * there
    spread = (centred.square().sum(dim=1, keepdim=True) / count + EPSILON**2).sqrt()
    return centred / spread


def load_network(config: Path, weights: Path) -> TokenNetwork:
    """Return the saved network in eval(); UserError if the files are broken or do not belong together."""
    path = config
    try:
        params = Params.model_validate(json.loads(config.read_text(encoding="utf-8"))["parameters"])
        path = weights
        tensors = load_file(weights)
        tokens, dimension = tensors["words.weight"].shape
        with torch.random.fork_rng(devices=[]):
            network = TokenNetwork(dimension, tokens, params)
        network.load_state_dict(tensors)
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        ValidationError,
        RuntimeError,
        SafetensorError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a readable re-ranker of kind tokens ({reason})") from None
    return network.eval()
