"""A base model with random weights, to be pretrained in the study."""

from collections.abc import Sequence
from pathlib import Path

import torch

from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import build_clip
from crossmodal.models.scratch_params import Params


def create(params: Params, seed: int, sources: Sequence[Path] = ()) -> CLIP:
    """Return the model of `params` with the random weights that `seed` gives, in eval(), fp32, on the CPU.

    torch's random state is left as it was and `sources` are not used. Raises UserError where the architecture
    cannot be built.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # open_clip initialises from the global generator and takes no other
        return build_clip(params.config)
