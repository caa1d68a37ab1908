"""Parameters of learnt image prompts."""

from typing import Literal

from crossmodal.adaptation.prompt_settings import PromptParameters


class Params(PromptParameters):
    """VPT: learnt vectors between the class token and the patches, the base model stays frozen."""

    kind: Literal["vpt"]
    """Image prompts (Jia et al. 2022)."""
    depth: Literal["shallow", "deep"] = "shallow"
    """Where they stand: before the first block, or new ones before every block."""
