"""Parameters of AdaLoRA."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Positive, Share

Decay = Annotated[float, Field(gt=0, lt=1)]


class Params(Parameters):
    """AdaLoRA: low-rank terms whose ranks a budget over the whole model shares out while it trains."""

    kind: Literal["adalora"]
    """Rank allocation (Zhang et al. 2023)."""
    initial_rank: Count = 12
    """Rank of each added term at the start; at most the width of the projections."""
    target_rank: Positive = 8.0
    """Average rank of the added terms at the end: the budget is this times their number, rounded."""
    warm_up: Share = 0.1
    """Share of all steps before the budget begins to fall."""
    final: Share = 0.3
    """Share of all steps at the end during which the allocation stays as it is."""
    orthogonality: NotNegative = 0.1
    """Weight γ of the penalty ‖PᵀP−I‖² + ‖QQᵀ−I‖² of each term in the loss."""
    beta_sensitivity: Decay = 0.85
    """Decay β₁ of the moving average of the sensitivity, between 0 and 1."""
    beta_uncertainty: Decay = 0.85
    """Decay β₂ of the moving average of the uncertainty, between 0 and 1."""
    placement: Literal["qkv", "qkvo", "qkvo+mlp"] = "qkv"
    """Which projections: query, key and value; with the attention's output; with both layers of the MLP. In a
    convolutional tower every placement means each 1×1 convolution."""
    towers: Literal["both", "image", "text"] = "both"
    """Which towers are adapted; all layers of each."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.target_rank > self.initial_rank:
            raise ValueError(
                f"target_rank {self.target_rank:g} exceeds initial_rank {self.initial_rank}: a budget only falls"
            )
        if self.warm_up + self.final > 1:
            raise ValueError(
                f"warm_up {self.warm_up:g} and final {self.final:g} are shares of all steps; together at most 1"
            )
        return self
