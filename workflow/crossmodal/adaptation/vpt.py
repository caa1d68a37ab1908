"""Visual prompt tuning (Jia et al. 2022): n learnt vectors between the class token and the patches.

Shallow prompts stand before the first block; deep ones are new before every block. They have n · width
parameters, times the number of blocks if deep. All start from N(0, 0.02²), where the paper has a uniform
distribution, so that prompts of both towers start alike. How the image tower reads them, and why peft cannot
express them, is in `prompts`.
"""

import torch

from crossmodal.adaptation import prompts
from crossmodal.adaptation.trainable import freeze
from crossmodal.adaptation.vpt_params import Params
from crossmodal.models.architecture import CLIP

MERGES = False  # the vectors are inputs, not weights


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Give the image tower the vectors, the only parameters that train.

    Raises UserError where the tower is not open_clip's vision transformer.
    """
    blocks = prompts.image_blocks(model, "vpt")
    freeze(model)
    model.visual.prompts = prompts.ImagePrompts(prompts.draw_image_context(model, params.length, generator))
    for block in blocks[1:] if params.depth == "deep" else ():
        prompts.add_to_block(block, prompts.draw_image_context(model, params.length, generator))
