"""LoRSU, low-rank adaptation with structured updates (Panos et al. 2024, arXiv 2407.16526).

From the mean signed gradient g of the loss over the new data: the k heads of each layer with the largest Σ g²
over their rows of query, key and value get a low-rank term; of the first layer of each MLP the single weights
with the largest |g| train under a mask; the projection into the joint space gets a plain term; the biases of
both train. All else is frozen. After a session all of it is merged, and the next one chooses anew.

As the paper says and not as its public code does: the learning rate is not held at a tenth for the first
epoch, and where weights decay the step is masked and not only the gradient.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from crossmodal.adaptation.targets import Towers
from crossmodal.models.architecture import CLIP
from crossmodal.updates import structured
from crossmodal.updates.lorsu_params import Params
from crossmodal.updates.masks import Masks

GRADIENTS = True
"""It chooses by gradients."""


def attach(model: CLIP, params: Params, towers: Towers, gradients: Mapping[str, Tensor], seed: int) -> Masks:
    """Let the chosen parts of `towers` train; UserError for more heads than there are, or too high a rank."""
    generator = torch.Generator().manual_seed(seed)
    return structured.attach(model, params, towers, structured.by_gradient(gradients), generator)
