"""Parameters of coupled text and image prompts."""

from typing import Literal

from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.parameters import Count


class Params(TextPromptParameters):
    """MaPLe: learnt text prompts at several layers, and image prompts that are linear functions of them."""

    kind: Literal["maple"]
    """Coupled prompts (Khattak et al. 2023)."""
    layers: Count | None = None
    """The first J blocks of both towers have prompts, 9 of 12 in the paper; null for all that both have."""
