"""A re-ranker of one layer that learns from the scores of a larger one (Hinton et al. 2015), beside the task."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.distilled_params import Params
from crossmodal.reranking.files import load, save
from crossmodal.reranking.material import Lists, Material
from crossmodal.reranking.nearness import extend_lists
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.scoring import score, scorer
from crossmodal.reranking.training import ABSENT, Extra, fit
from crossmodal.search.gallery import Candidates

TRAINED = True
TRANSDUCTIVE = NEEDS_TOKENS = False
TEACHER = "vectors"
"""The kind that a teacher has to be of."""


def train(
    params: Params,
    training: Sequence[Lists],
    validation: Lists,
    seed: int,
    files: Mapping[str, Path],
    log: Path,
) -> None:
    """Train on the `training` lists and on the teacher's scores of them, and write `config` and `weights`.

    `files` also hold `teacher_config` and `teacher_weights`. Selection is as of any re-ranker (training.py).
    """
    teacher = load(TEACHER, files["teacher_config"], files["teacher_weights"])
    if teacher.params.bank != params.bank:
        raise UserError(
            f"stage distilled: bank {params.bank} differs from its teacher's, which is {teacher.params.bank}"
        )
    torch.manual_seed(seed)
    model = Reranker(validation.vectors.shape[1], params)
    training = [extend_lists(lists, params.bank) for lists in training]
    held = extend_lists(validation, params.bank)
    outcome = fit(
        model, training, held, params, seed, log, 1 - params.share, lambda lists: _of(teacher, lists, params)
    )
    save(model, outcome, files["config"], files["weights"])


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates by the trained files: float32 [q, c], -inf where there is none."""
    return scorer(params, params.kind, material)


def _of(teacher: Reranker, lists: Lists, params: Params) -> Extra:
    """Return the divergence of the candidates' chances from the teacher's, whose scores are computed once."""
    scores = torch.from_numpy(score(teacher, lists.vectors, lists.found, params.candidates))
    wanted = scores * float(teacher.scale.detach().exp())

    def loss(logits: Tensor, present: Tensor, rows: npt.NDArray[np.int64]) -> Tensor:
        return divergence(logits, wanted[torch.from_numpy(rows)], present, params.temperature)

    return loss


def divergence(logits: Tensor, wanted: Tensor, present: Tensor, temperature: float) -> Tensor:
    """Return T^2 KL(softmax(wanted / T) | softmax(logits / T)) of present candidates, in nats.

    `logits` and `wanted` are float32 [b, c], `present` bool [b, c].
    """
    sides = [
        log_softmax(side.masked_fill(~present, ABSENT) / temperature, dim=1) for side in (logits, wanted)
    ]
    return temperature**2 * kl_div(sides[0], sides[1], reduction="batchmean", log_target=True)
