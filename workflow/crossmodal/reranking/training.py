"""Training a re-ranker on the candidates of training queries."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Generator, Tensor

from crossmodal.progress import progress
from crossmodal.reranking.list_mle import list_mle
from crossmodal.reranking.lists import answerable, by_owner, merge
from crossmodal.reranking.material import Lists
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.quality import Outcome, beats, quality
from crossmodal.reranking.scoring import score, tensors_of
from crossmodal.reranking.settings import NetworkParameters

COLUMNS = ("epoch", "loss", "validation_mrr", "validation_recall@10")
ABSENT = -1e9  # logit of an absent candidate: finite, so that its gradient is zero and not undefined
SAMPLE = 1024  # training lists that the features' scale is taken from
SCALES = tuple(2.0**power for power in range(0, 9))

Extra = Callable[[Tensor, Tensor, npt.NDArray[np.int64]], Tensor]
"""Another loss: of the logits [b, c], of what is present [b, c], and of the lists' rows [b]."""


def fit(
    model: Reranker,
    training: Sequence[Lists],
    validation: Lists,
    params: NetworkParameters,
    seed: int,
    log: Path,
    share: float = 1.0,
    extra: Callable[[Lists], Extra] | None = None,
) -> Outcome:
    """Train `model` in place with ListMLE on the `training` lists and return what was chosen.

    Each of the lists has its own gallery: of cross-fitted ones, whose embeddings did not train on their queries,
    there are as many as folds. An epoch takes one random query of each owner (image) whose candidates hold a
    relevant item. The weights of the epoch with the best validation MRR, then recall@10, are kept; epoch 0, the
    order of exact re-scoring, is among them and gives way only to one that beats it by `params.standard_errors`.
    `log` gets one CSV row an epoch. `extra` makes another loss from all training lists, which has 1 - `share` of
    the whole. Raises UserError if no training query has a relevant candidate.
    """
    lists = merge(training)
    c = min(params.candidates, lists.found.positions.shape[1])
    groups = by_owner(answerable(lists, c), lists.owners)
    generator = torch.Generator().manual_seed(seed)
    _start(model, lists, c, groups, params, generator)
    other = extra(lists) if extra and share < 1 else None
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=params.learning_rate, weight_decay=params.weight_decay)
    steps = params.epochs * math.ceil(len(groups) / params.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    exact = inner_products(validation.vectors, validation.found, params.candidates)
    start = quality(validation.found, exact)
    best, best_state, best_epoch = start, _copy(model), 0
    rows: list[tuple[float, ...]] = [(0, math.nan, *best)]
    for epoch in range(1, params.epochs + 1):
        model.train()
        queries, total = _epoch_queries(groups, generator), 0.0
        for part in progress(torch.split(queries, params.batch_size), f"epoch {epoch}", unit="batch"):
            at = part.numpy()
            logits, present = _logits(model, lists, at, c)
            loss = share * _task(logits, present, lists, at, params, generator)
            if other is not None:
                loss = loss + (1 - share) * other(logits, present, at)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(at)
        model.eval()
        scores = score(model, validation.vectors, validation.found, params.candidates)
        measured = quality(validation.found, scores)
        rows.append((epoch, total / len(queries), *measured))
        if measured > best and beats(validation, scores, exact, params.standard_errors):
            best, best_state, best_epoch = measured, _copy(model), epoch
        if params.early_stopping_patience and epoch - best_epoch >= params.early_stopping_patience:
            break
    with log.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    model.load_state_dict(best_state)
    model.eval()
    return Outcome(best_epoch, best, start)


def _start(
    model: Reranker, lists: Lists, c: int, groups: list[list[int]], params: NetworkParameters, gen: Generator
) -> None:
    """Take the features' scale from training lists, and the scale of exact scores that suits the loss best."""
    at = _epoch_queries(groups, gen)[:SAMPLE].numpy()
    queries, items, exact = tensors_of(lists.vectors, lists.found, at, c)
    model.fit_scale(queries, items, exact)
    present = exact > -torch.inf
    known = exact.masked_fill(~present, ABSENT)
    losses = [
        float(_task(scale * known, present, lists, at, params, gen)) for scale in SCALES
    ]  # exact scores alone
    with torch.no_grad():
        model.scale.fill_(math.log(SCALES[int(np.argmin(losses))]))


def _logits(model: Reranker, lists: Lists, at: npt.NDArray[np.int64], c: int) -> tuple[Tensor, Tensor]:
    """Return what the losses are of, [b, c], and which candidates are present."""
    queries, items, exact = tensors_of(lists.vectors, lists.found, at, c)
    present = exact > -torch.inf
    scores = exact.masked_fill(~present, 0) + model(queries, items, exact)
    return (model.scale.exp() * scores).masked_fill(~present, ABSENT), present


def _task(
    logits: Tensor,
    present: Tensor,
    lists: Lists,
    at: npt.NDArray[np.int64],
    params: NetworkParameters,
    generator: Generator,
) -> Tensor:
    relevance = torch.from_numpy(lists.found.relevant[at, : logits.shape[1]]).float()
    return list_mle(logits, relevance, present, params.truncate, generator)


def _rate(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of the highest: a rise, then half a cosine."""
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _epoch_queries(groups: list[list[int]], generator: Generator) -> Tensor:
    """Return one random row of each group, in random order, int64."""
    draws = torch.rand(len(groups), generator=generator)
    chosen = torch.tensor([group[int(d * len(group))] for group, d in zip(groups, draws, strict=True)])
    return chosen[torch.randperm(len(groups), generator=generator)]


def _copy(model: Reranker) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
