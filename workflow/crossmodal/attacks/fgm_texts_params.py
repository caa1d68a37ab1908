"""Parameters of the fast gradient method on token embeddings."""

from typing import ClassVar, Literal

from crossmodal.parameters import NotNegative, Parameters, Positive


class Params(Parameters):
    """One step on the token embeddings of captions, one L2 ball a token (Miyato et al. 2017).

    With random_start and a step of 1.25 the analogue of FGSM-RS (Wong et al. 2020), for training in one step.
    """

    space: ClassVar[str] = "texts"
    """What it attacks: the side of an adversary on which it may stand."""

    kind: Literal["fgm_texts"]
    """Fast gradient method on token embeddings."""
    epsilon: NotNegative = 0.1
    """Radius of each token's L2 ball, in mean norms of the base model's token embeddings, of those
    that the training captions use."""
    step: Positive = 1.0
    """Length of the step as a multiple of epsilon."""
    random_start: bool = False
    """Whether the step starts at a random point of the ball instead of at the caption."""
