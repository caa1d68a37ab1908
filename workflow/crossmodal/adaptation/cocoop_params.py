"""Parameters of conditional prompts."""

from typing import Literal

from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.models.base import VISION_TRANSFORMER


class Params(TextPromptParameters):
    """CoCoOp, indexable: learnt vectors plus a function of the tower's own feature, in each tower."""

    kind: Literal["cocoop"]
    """Conditional prompts (Zhou et al. 2022), each tower on its own feature."""
    towers: Literal["both", "image", "text"] = "both"
    """Which towers have prompts; only those of the text start as a phrase."""

    @property
    def needs(self) -> str | None:
        """What the image tower has to be."""
        return None if self.towers == "text" else VISION_TRANSFORMER

    @property
    def instead(self) -> str:
        """What is possible without."""
        return "towers: text" if self.towers == "both" else "another method"
