"""CoOp (Zhou et al. 2022): n learnt context vectors after the start token, the same for every caption.

In the paper the words after them are the names of classes, here they are captions. The vectors have n · width
parameters. How the text tower reads them, and why peft cannot express them, is in `prompts`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation import prompts
from crossmodal.adaptation.coop_params import Params
from crossmodal.adaptation.trainable import freeze, restore_tensors, trainable_tensors
from crossmodal.models.architecture import CLIP

MERGES = False


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Give the text tower the vectors, the only parameters that train.

    Raises UserError where they do not fit the context or the tower is not CLIP's own.
    """
    context = prompts.draw_context(model, params, "coop", generator)
    freeze(model)
    model.text_prompts = prompts.TextPrompts(context)


def merge(model: CLIP) -> None:
    """Do nothing: the vectors are inputs, not weights."""


def state(model: CLIP) -> dict[str, Tensor]:
    """Return copies of what was learnt, on the CPU, by their names in the model."""
    return trainable_tensors(model)


def restore(model: CLIP, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` returned; UserError where it is of another model or method."""
    restore_tensors(model, tensors)
