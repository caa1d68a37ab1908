"""MaPLe (Khattak et al. 2023): text prompts at the first J blocks, image prompts that are linear in them.

With n vectors at each of J blocks, text width t and image width v there are J n t parameters in the text tower
and J (t v + v) in the image tower: the 3.55 M of the paper for ViT-B, n 2 and J 9. The first text prompt starts as
words, those of later blocks from N(0, 0.02²). In the public code the image
prompts stand after the patches, which attention cannot tell from here, and pass the first normalisation. How the
towers read prompts, and why peft cannot express them, is in `prompts`.
"""

import torch

from crossmodal.adaptation import prompts
from crossmodal.adaptation.initialisation import normal
from crossmodal.adaptation.maple_params import Params
from crossmodal.adaptation.trainable import freeze
from crossmodal.errors import UserError
from crossmodal.models.architecture import CLIP

MERGES = False  # the vectors are inputs, not weights


def attach(model: CLIP, params: Params, generator: torch.Generator) -> None:
    """Give both towers their prompts; the text prompts and the coupling are all that trains.

    Raises UserError where the prompts do not fit the context, a tower has fewer blocks than `layers`, or is of
    a kind that takes no prompts.
    """
    context = prompts.draw_context(model, params, "maple", generator)
    text = prompts.text_blocks(model, "maple")
    image = prompts.image_blocks(model, "maple", "; coop has prompts of the text alone")
    both = min(len(text), len(image))
    layers = both if params.layers is None else params.layers
    if layers > both:
        raise UserError(f"maple: layers {layers} exceeds the {both} blocks that both towers have")
    freeze(model)
    like, width = model.visual.class_embedding.detach(), context.vectors.shape[1]

    def coupled(source: prompts.Learnt) -> prompts.Coupled:
        return prompts.Coupled(source, width, len(like), generator, like)

    model.text_prompts = prompts.TextPrompts(context)
    model.visual.prompts = prompts.ImagePrompts(coupled(context))
    for text_block, image_block in zip(text[1:layers], image[1:layers], strict=True):
        vectors = normal(context.vectors.shape, prompts.STD, generator, like=context.vectors.detach())
        deeper = prompts.Learnt(vectors)
        prompts.add_to_block(text_block, deeper)
        prompts.add_to_block(image_block, coupled(deeper))
