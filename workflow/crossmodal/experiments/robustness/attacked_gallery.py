"""An image of the gallery that hides from its own captions: what its attack makes large, and what is scored."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from crossmodal.experiments.robustness.threats import Goal
from crossmodal.statistics.metrics import METRICS, Scores, score_similarities

_BLOCK = 2**22


class OwnCaptions:
    """How badly the captions of an image find it among the clean images of all other labels."""

    def __init__(
        self, captions: Tensor, caption_labels: Tensor, gallery: Tensor, gallery_labels: Tensor,
        scale: Tensor, goal: Goal,
    ) -> None:  # fmt: skip
        """Take unit vectors `captions` [m, d] and clean images `gallery` [n, d], labels too, all on one device."""
        self._captions, self._labels, self._image_labels = captions, caption_labels, gallery_labels
        self._scale, self._goal = scale, goal
        self._others = torch.cat(
            [
                self._of_others(rows @ gallery.T, labels.unsqueeze(1) == gallery_labels)
                for rows, labels in zip(captions.split(1024), caption_labels.split(1024), strict=True)
            ]
        )

    def _of_others(self, cosines: Tensor, own: Tensor) -> Tensor:
        """Return what a caption's own image is up against, [m]: a log-sum of logits, or the best cosine."""
        cosines = cosines.masked_fill(own, -torch.inf)
        return cosines.amax(dim=1) if self._goal == "margin" else (self._scale * cosines).logsumexp(dim=1)

    def objective(self, places: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the function of features [b, d] of the images at `places` [b] that their attack makes large.

        Its values [b] are means over the captions of an image's label: cross-entropies in nats, or margins.
        """
        mine = self._image_labels[places].unsqueeze(1) == self._labels
        asking = mine.any(dim=0).nonzero().squeeze(1)
        weights = mine[:, asking].float()
        weights /= weights.sum(dim=1, keepdim=True).clamp_min(1)
        captions, others = self._captions[asking], self._others[asking]

        def value(features: Tensor) -> Tensor:
            cosines = features @ captions.T
            if self._goal == "margin":
                losses = (others - cosines).clamp_min(-2)  # -inf where there is no other image
            else:
                losses = functional.softplus(others - self._scale * cosines)  # log(e^others + e^own) - own
            return (weights * losses).sum(dim=1)

        return value


def score_hidden(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], hidden: NDArray[np.float32],
    query_labels: NDArray[np.int64], gallery_labels: NDArray[np.int64],
) -> Scores:  # fmt: skip
    """Return the scores of `queries` [q, d] where each meets its positives as `hidden` and the rest as `gallery`.

    Both are [g, d]: the images attacked and clean. Sums are rounded as in `metrics.score_queries`.
    """
    columns, changed = (vectors.astype(np.float64).T for vectors in (gallery, hidden))
    rows = max(1, _BLOCK // max(1, len(gallery)))
    parts = []
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows].astype(np.float64)
        positive = query_labels[start : start + rows, None] == gallery_labels
        similarities: NDArray[Any] = np.where(positive, block @ changed, block @ columns)
        parts.append(score_similarities(similarities.astype(np.float32), positive))
    return Scores(
        {name: np.concatenate([part.metrics[name] for part in parts]) for name in METRICS},
        np.concatenate([part.rank for part in parts]),
        np.concatenate([part.top for part in parts]),
    )
