"""How many of the parameters that a method lets train can get a gradient from the data that it trains on."""

import torch

from crossmodal.adaptation.trainable import tower_of
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.lookups import tables, used_rows


def reached_parameters(model: CLIP, captions: torch.Tensor) -> dict[str, int]:
    """Return counts of an adapted `model` by tower: "image", "text" and "joint".

    `captions` are tokens of all that it trains on, integers [m, context].
    A parameter counts if the loss depends on it at all: of a table of tokens or positions the rows that a caption
    looks up, of anything else the whole tensor. One backward pass of a single pair says which tensors the loss
    depends on; torch's random state and the model's gradients stay as they are.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    counts = dict.fromkeys(("image", "text", "joint"), 0)
    if not named:
        return counts
    rows = used_rows(model, captions) if tables(model).keys() & named else {}
    for (name, parameter), gradient in zip(named.items(), _gradients(model, captions, named), strict=True):
        if gradient is not None:
            used = len(rows[name]) * parameter[0].numel() if name in rows else parameter.numel()
            counts[tower_of(name)] += used
    return counts


def _gradients(
    model: CLIP, captions: torch.Tensor, named: dict[str, torch.nn.Parameter]
) -> tuple[torch.Tensor | None, ...]:
    """Return the gradients of a pair's similarity, None for a parameter that it does not depend on."""
    size, device = clip.image_size(model), next(model.parameters()).device
    training = model.training
    with torch.enable_grad():
        model.eval()
        images = dual_encoder.encode_images(model, torch.zeros(1, 3, size, size, device=device))
        texts = dual_encoder.encode_texts(model, captions[:1].long().to(device))
        similarity = dual_encoder.logit_scale(model) * (images * texts).sum()
        found = torch.autograd.grad(similarity, list(named.values()), allow_unused=True)
    model.train(training)
    return found
