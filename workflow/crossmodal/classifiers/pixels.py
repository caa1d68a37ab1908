"""What pixels alone tell: ridge regression from downscaled images to classes, one-hot, its ridge chosen.

It knows nothing of the network or of the classes' names, so that what it finds needs neither. With a large
ridge it becomes the classifier by nearest class mean, up to the means' lengths.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.classifiers.base import Fitted, Task, deciding, without_gradient
from crossmodal.classifiers.choosing import best
from crossmodal.classifiers.pixels_params import Params
from crossmodal.errors import UserError

SEES_PIXELS = True
"""It is given pixels where others are given features."""


def fit(task: Task, params: Params, _generator: Generator) -> Fitted:
    """Return the classifier of pixels [n, p]; each view of a training image is an image of its own.

    Raises UserError where the task has no pixels, or choices are to be made on test images that are not there.
    """
    if task.pixels is None:
        raise UserError("pixels: needs the images' pixels, which this task does not hand over")
    features, labels = deciding(task.pixels, params, params.kind)
    images, classes = task.pixels.train, len(task.classes)
    views = images.features.shape[1]
    x = images.features.flatten(0, 1).double()
    y = functional.one_hot(images.labels.repeat_interleave(views), classes).double()
    mean, intercept = x.mean(dim=0), y.mean(dim=0)
    x, y = x - mean, y - intercept
    unit = x.square().sum(dim=1).mean()
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    targets = u.T @ y

    def weights(ridge: float) -> Tensor:
        return v.T @ ((s / (s.square() + ridge * unit)).unsqueeze(1) * targets)

    def logits(features: Tensor, weights: Tensor) -> Tensor:
        return ((features.double() - mean) @ weights + intercept).float()

    ridge = best(params.regularisations, lambda ridge: logits(features, weights(ridge)), labels)
    chosen = weights(ridge)
    return Fitted(
        without_gradient(lambda features: logits(features, chosen)),
        parameters=chosen.numel() + classes,
        stored=chosen.numel() + classes,
        chosen={"regularisation": ridge},
    )
