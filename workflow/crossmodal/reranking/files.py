"""A trained re-ranker as JSON (its parameters and how it was chosen) and safetensors."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from crossmodal.errors import UserError
from crossmodal.registry import parse
from crossmodal.reranking.network import Reranker
from crossmodal.reranking.quality import Outcome


def save(model: Reranker, outcome: Outcome, config: Path, weights: Path) -> None:
    """Write the model and which epoch it is of (0: exact re-scoring was not beaten), with its validation."""
    content = {
        "dimension": model.dimension,
        "parameters": model.params.model_dump(mode="json"),
        "epoch": outcome.epoch,
        "validation": {"mrr": outcome.validation.mrr, "recall@10": outcome.validation.recall},
        "exact": {"mrr": outcome.exact.mrr, "recall@10": outcome.exact.recall},
    }
    config.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, weights)


def load(kind: str, config: Path, weights: Path) -> Reranker:
    """Return the saved model in eval(); UserError if the files are broken, of another kind or not of one model."""
    try:
        content = json.loads(config.read_text())
        params = parse("reranking", content["parameters"])
        dimension = int(content["dimension"])
    except (OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise _unreadable(config, error) from None
    if params.kind != kind:
        raise UserError(f"{config}: is a re-ranker of kind {params.kind}; one of kind {kind} is needed")
    with torch.random.fork_rng(devices=[]):
        model = Reranker(dimension, params)
    try:
        model.load_state_dict(load_file(weights))
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise _unreadable(weights, error) from None
    return model.eval()


def _unreadable(path: Path, error: Any) -> UserError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return UserError(f"{path}: not a readable re-ranker ({reason}); remove it and run again")
