"""Parameters of conditional prompts."""

from typing import Literal, Self

from pydantic import model_validator

from crossmodal.adaptation.prompt_settings import TextPromptParameters


class Params(TextPromptParameters):
    """CoCoOp, indexable: learnt vectors plus a function of the tower's own feature, in each tower."""

    kind: Literal["cocoop"]
    """Conditional prompts (Zhou et al. 2022), each tower on its own feature."""
    towers: Literal["both", "image", "text"] = "both"
    """Which towers have prompts."""

    @model_validator(mode="after")
    def _phrase_has_a_tower(self) -> Self:
        if self.phrase is not None and self.towers == "image":
            raise ValueError("phrase: the words begin prompts of the text tower, towers is image")
        return self
