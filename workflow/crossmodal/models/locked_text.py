"""An image tower that learns to fit a frozen text tower (Zhai et al. 2022, LiT, with the towers exchanged).

It is the model of kind `towers` with a text tower that does not train: its weights stay, and it works as in eval()
while the rest trains. The projections of both towers train.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from crossmodal.models import towers
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import text_tower
from crossmodal.models.locked_text_params import Params
from crossmodal.models.projections import projection


def create(params: Params, seed: int, sources: Sequence[Path] = ()) -> CLIP:
    """Return the model of `params`, not yet trained, as `towers.create` does, with its text tower locked."""
    model = towers.create(params, seed, sources)
    lock(model)
    return model


def lock(model: CLIP) -> None:
    """Keep the text tower of `model` from training, but for its projection, and without dropout."""
    tower = text_tower(model)
    tower.requires_grad_(False)
    for parameter in projection(model, "text").parameters():
        parameter.requires_grad_(True)
    tower.register_forward_pre_hook(_as_in_eval)


def _as_in_eval(module: nn.Module, _args: object) -> None:
    module.eval()
