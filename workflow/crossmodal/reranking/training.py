"""Training the re-ranker on what the index returns for training captions."""

import csv
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.progress import progress
from crossmodal.reranking.list_mle import list_mle
from crossmodal.reranking.network import Reranker, rerank, tensors_of
from crossmodal.search.gallery import Candidates
from crossmodal.search.settings import RerankerParameters

COLUMNS = ("epoch", "loss", "validation_recall@1", "validation_mrr")


def train_reranker(
    vectors: Vectors, found: Candidates, owners: list[str],
    validation_vectors: Vectors, validation: Candidates,
    params: RerankerParameters, seed: int, log: Path,
) -> Reranker:  # fmt: skip
    """Return a re-ranker trained with ListMLE on `found`, the candidates of training queries in `vectors`.

    An epoch takes one random query of each owner (image) whose candidates hold a relevant item. The weights
    of the epoch with the best validation recall@1, then mean reciprocal rank, are the result; epoch 0, the
    order of exhaustive search, is among them. `log` gets one CSV row an epoch. Raises UserError if no training
    query has a relevant candidate.
    """
    torch.manual_seed(seed)
    model = Reranker(found.queries.shape[1], params)
    k = min(params.candidates, found.positions.shape[1])
    answerable = np.flatnonzero(found.relevant[:, :k].any(axis=1))
    if not len(answerable):
        raise UserError("re-ranker: no training query has its image among the candidates; raise nprobe")
    generator = torch.Generator().manual_seed(seed)
    groups = _by_owner(answerable, owners)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=params.learning_rate, weight_decay=params.weight_decay)
    steps = params.epochs * math.ceil(len(groups) / params.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    best, best_state, best_epoch = validate(model, validation_vectors, validation), _copy(model), 0
    rows: list[tuple[float, ...]] = [(0, math.nan, *best)]
    for epoch in range(1, params.epochs + 1):
        model.train()
        queries = _epoch_queries(groups, generator)
        total = 0.0
        for rows_of in progress(torch.split(queries, params.batch_size), f"epoch {epoch}", unit="batch"):
            at = rows_of.numpy()
            arguments = tensors_of(vectors, found, at, k)
            relevance = torch.from_numpy(found.relevant[at, :k]).float()
            loss = list_mle(model(*arguments), relevance, arguments[3], params.truncate, generator)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(at)
        measured = validate(model, validation_vectors, validation)
        rows.append((epoch, total / len(queries), *measured))
        if measured > best:
            best, best_state, best_epoch = measured, _copy(model), epoch
        if params.early_stopping_patience and epoch - best_epoch >= params.early_stopping_patience:
            break
    with log.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    model.load_state_dict(best_state)
    return model.eval()


def validate(model: Reranker, vectors: Vectors, found: Candidates) -> tuple[float, float]:
    """Return recall@1 and mean reciprocal rank of the re-ranked candidates, over all queries."""
    model.eval()
    relevant_positions = np.where(found.relevant, found.positions, -2)
    reranked = rerank(model, vectors, found)
    hits = (reranked[:, :, None] == relevant_positions[:, None, :]).any(axis=2)
    first = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, np.inf)
    return float((first == 1).mean()), float((1 / first).mean())


def _by_owner(rows: npt.NDArray[np.int64], owners: list[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for row in rows.tolist():
        groups.setdefault(owners[row], []).append(row)
    return list(groups.values())


def _epoch_queries(groups: list[list[int]], generator: Generator) -> Tensor:
    """Return one random row of each group, in random order, int64."""
    draws = torch.rand(len(groups), generator=generator)
    chosen = torch.tensor([group[int(d * len(group))] for group, d in zip(groups, draws, strict=True)])
    return chosen[torch.randperm(len(groups), generator=generator)]


def _copy(model: Reranker) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
