"""CoOp (Zhou et al. 2022): n learnt context vectors after the start token, the same for every caption.

In the paper the words after them are the names of classes, here they are captions. The vectors have n · width
parameters and start as words. How the text tower reads them, and why peft cannot express them, is in `prompts`.
"""

import torch

from crossmodal.adaptation import prompts
from crossmodal.adaptation.coop_params import Params
from crossmodal.adaptation.trainable import freeze
from crossmodal.models.architecture import CLIP

MERGES = False  # the vectors are inputs, not weights


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Give the text tower the vectors, the only parameters that train.

    Raises UserError where they do not fit the context or the tower is neither CLIP's own nor BERT-like.
    """
    context = prompts.draw_context(model, params, "coop", generator)
    freeze(model)
    model.text_prompts = prompts.TextPrompts(context)
