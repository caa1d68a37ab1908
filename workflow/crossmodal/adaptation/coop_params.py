"""Parameters of learnt text prompts."""

from typing import Literal

from crossmodal.adaptation.prompt_settings import TextPromptParameters


class Params(TextPromptParameters):
    """CoOp: learnt context vectors after the start token of every caption, the base model stays frozen."""

    kind: Literal["coop"]
    """Text prompts (Zhou et al. 2022)."""
