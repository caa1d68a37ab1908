"""The re-ranker over vectors: a transformer sees those of a query and of its candidates together."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.files import save
from crossmodal.reranking.material import Lists, Material
from crossmodal.reranking.nearness import extend_lists
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.scoring import scorer
from crossmodal.reranking.training import fit
from crossmodal.reranking.vectors_params import Params
from crossmodal.search.gallery import Candidates

TRAINED = True
TRANSDUCTIVE = NEEDS_TOKENS = False


def train(
    params: Params,
    training: Sequence[Lists],
    validation: Lists,
    seed: int,
    files: Mapping[str, Path],
    log: Path,
) -> None:
    """Train on the `training` lists, each with its own gallery, and write `config` and `weights`.

    The epoch is chosen on `validation`; `log` gets a CSV row for each. What is chosen and why: training.py.
    """
    torch.manual_seed(seed)
    model = Reranker(validation.vectors.shape[1], params, params.final_projection_only)
    training = [extend_lists(lists, params.bank) for lists in training]
    outcome = fit(model, training, extend_lists(validation, params.bank), params, seed, log)
    save(model, outcome, files["config"], files["weights"])


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates by the trained files: float32 [q, c], -inf where there is none."""
    return scorer(params, params.kind, material)
