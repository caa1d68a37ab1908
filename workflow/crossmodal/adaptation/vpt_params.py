"""Parameters of learnt image prompts."""

from typing import ClassVar, Literal

from crossmodal.adaptation.prompt_settings import PromptParameters
from crossmodal.models.base import VISION_TRANSFORMER


class Params(PromptParameters):
    """VPT: learnt vectors between the class token and the patches, the base model stays frozen."""

    needs: ClassVar[str] = VISION_TRANSFORMER
    instead: ClassVar[str] = "a method without image prompts, such as coop or lora"
    kind: Literal["vpt"]
    """Image prompts (Jia et al. 2022)."""
    depth: Literal["shallow", "deep"] = "shallow"
    """Where they stand: before the first block, or new ones before every block."""
