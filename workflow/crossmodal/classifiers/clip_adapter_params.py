"""Parameters of CLIP-Adapter."""

from typing import Literal

from crossmodal.classifiers.settings import ChoosingParameters, Epochs, TrainingParameters
from crossmodal.parameters import Count, NotNegative, Share


class Params(TrainingParameters, ChoosingParameters):
    """CLIP-Adapter: a small network behind the image tower."""

    kind: Literal["clip_adapter"]
    """A bottleneck behind the image embedding (Gao et al. 2021)."""
    ratio: Share = 0.2
    """Share of the network in the adapted embedding; 0 is zero-shot."""
    reduction: Count = 4
    """The hidden layer has d / reduction units, at least one."""
    epochs: Epochs = 50
    """Passes over the training images, one random view of each; 0 leaves the network as drawn."""
    weight_decay: NotNegative = 0.01
    """Of AdamW."""
