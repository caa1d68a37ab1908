"""Parameters of CoOp as a few-shot classifier."""

from typing import Literal

from crossmodal.adaptation.prompt_settings import TextPromptParameters
from crossmodal.classifiers.settings import ChoosingParameters
from crossmodal.parameters import Count, NotNegative, Positive


class Params(TextPromptParameters, ChoosingParameters):
    """CoOp: learnt vectors stand before the classes' names, all else is frozen."""

    kind: Literal["coop"]
    """Learnt prompts (Zhou et al. 2022)."""
    phrase: str = "an icon of a"
    """The words to start from, repeated or cut in front to `length` tokens; nothing reads it where `init` is
    normal."""
    steps: Count = 200
    """Steps of training with 8 images of a class or more; half of them with 2 to 7, a quarter with one. Each takes
    all classes through the text tower and back, so they are what it costs."""
    every: Count = 10
    """Steps between two looks at the images that decide; the start is among what may be chosen."""
    batch_size: Count | None = 256
    """Images in one step; null for all of them."""
    learning_rate: Positive = 2e-3
    """Of AdamW in the first step; it falls to 0 along half a cosine."""
    weight_decay: NotNegative = 0.0
