"""Parameters of projected gradient descent on token embeddings."""

from typing import ClassVar, Literal

from pydantic import Field

from crossmodal.parameters import Count, NotNegative, Parameters, Positive


class Params(Parameters):
    """PGD on the token embeddings of captions, one L2 ball a token."""

    space: ClassVar[str] = "texts"
    """What it attacks: the side of an adversary on which it may stand."""

    kind: Literal["pgd_texts"]
    """Projected gradient descent on token embeddings."""
    epsilon: NotNegative = 0.1
    """Radius of each token's L2 ball, in mean norms of the base model's token embeddings, of those
    that the training captions use."""
    steps: Count = 7
    """Gradient steps."""
    step_size: Positive | None = None
    """Length of one step in the unit of epsilon; none for 2.5 epsilon / steps."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Share of the last direction that is kept; 0 for plain PGD."""
    restarts: Count = 1
    """Climbs from different starts, of which the best result counts."""
    random_start: bool = True
    """Whether a climb starts at a random point of the ball instead of at the caption."""
