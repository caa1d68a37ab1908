"""Parameters of coupled text and image prompts."""

from typing import ClassVar, Literal

from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.models.base import VISION_TRANSFORMER
from crossmodal.parameters import Count


class Params(TextPromptParameters):
    """MaPLe: learnt text prompts at several layers, and image prompts that are linear functions of them."""

    needs: ClassVar[str] = VISION_TRANSFORMER
    instead: ClassVar[str] = "a method without image prompts, such as coop or lora"
    kind: Literal["maple"]
    """Coupled prompts (Khattak et al. 2023)."""
    layers: Count | None = None
    """The first J blocks of both towers have prompts, 9 of 12 in the paper; null for all that both have."""
