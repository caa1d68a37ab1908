"""Parameters of projected gradient descent on the joint embedding."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crossmodal.parameters import Count, NotNegative, Parameters, Positive


class Params(Parameters):
    """PGD on the unit-length embeddings of images or captions, one L2 ball an embedding."""

    space: ClassVar[str] = "embeddings"
    """What it attacks: it may stand on either side of an adversary."""

    kind: Literal["pgd_embeddings"]
    """Projected gradient descent on the joint embedding."""
    epsilon: Annotated[NotNegative, Field(le=2)] = 0.05
    """Greatest L2 distance between the embedding and the attacked one, both of length 1: 2 is the whole
    sphere, 0.05 an angle of 2.9 degrees."""
    steps: Count = 10
    """Gradient steps."""
    step_size: Positive | None = None
    """Length of one step in the unit of epsilon; none for 2.5 epsilon / steps."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Share of the last direction that is kept; 0 for plain PGD."""
    restarts: Count = 1
    """Climbs from different starts, of which the best result counts."""
    random_start: bool = True
    """Whether a climb starts at a random point of the ball instead of at the embedding."""
