"""Typed parameters of what a student learns from its teacher. Free of torch."""

from typing import Self

from pydantic import model_validator

from crossmodal.parameters import NotNegative, Parameters, Positive


class DistillationParameters(Parameters):
    """The weights of the losses that are added up; `training/distillation_losses.py` has their formulas."""

    task: NotNegative = 1.0
    """Of the contrastive loss of the student alone, that of every training."""
    feature: NotNegative = 2000.0
    """Of the squared distance of the student's embeddings from the teacher's. It is a mean over elements, and
    those of unit vectors are small: hence the size (CLIP-KD)."""
    interactive: NotNegative = 1.0
    """Of the contrastive loss of the student's images against the teacher's captions, and the reverse."""
    affinity: NotNegative = 1.0
    """Of the divergence of the student's table of similarities from the teacher's."""
    affinity_temperature: Positive = 1.0
    """What both tables' logits are divided by before they are compared."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.task + self.feature + self.interactive + self.affinity:
            raise ValueError("every weight is 0, so there is nothing to learn; give one of them")
        return self
