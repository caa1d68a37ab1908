"""Typed parameters of aligning two towers by their projections alone. Free of torch."""

from typing import Literal

from crossmodal.parameters import Count, NotNegative, Parameters, Positive, Share


class AlignmentParameters(Parameters):
    """How the two projections and the logit scale are trained on features of the frozen towers."""

    epochs: Count = 20
    """Passes over the training images; each pass shows every image once, with one of its captions."""
    batch_size: Count = 512
    """Greatest number of pairs among which the contrastive loss is taken."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, reached after the warm-up; it falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.1
    """Decoupled weight decay of AdamW; the logit scale has none."""
    warmup_share: Share = 0.1
    """Share of the steps over which the learning rate rises linearly."""
    result: Literal["last", "best"] = "last"
    """Which epoch's projections are the result where there is validation data: the last ones, or those of the
    best validation MRR."""
    threads: Count = 1
    """Threads of the job on the CPU; part of the result's last bits."""
