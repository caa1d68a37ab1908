"""ProLIP (Fahes et al. 2024, arXiv 2410.05270): the last projection P of the image tower is trained, and it alone.

The loss is CE(s norm(P x + b) Wᵀ) + λ ‖P − P₀‖², squares summed, with λ = 1 / shots: the fewer images, the nearer
to the start P₀. Nothing is chosen, so no validation image is read: the last epoch counts. As in the paper's public
code the optimiser is Adam with ε 1e-4, a step sees all images, and a bias is left as it is; there all images of an
epoch are in the same view, here each is in one of its own. The d·w numbers that are trained are kept: another task
has others, and the model still has its own.
"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.classifiers.base import Fitted, Task, without_gradient, zero_shot_logits
from crossmodal.classifiers.prolip_params import Params
from crossmodal.classifiers.training import Batch, draw_batches, train

EPSILON = 1e-4


def fit(task: Task, params: Params, generator: Generator) -> Fitted:
    """Return the classifier."""
    images, start = task.splits.train, task.projection
    batches = draw_batches(images, params.epochs, params.batch_size, generator)
    weight = 1 / task.shots if params.regularisation is None else params.regularisation
    projection = nn.Parameter(start.clone())

    def logits(features: Tensor) -> Tensor:
        f = functional.normalize(functional.linear(features, projection, task.bias), dim=-1)
        return zero_shot_logits(task, f)

    def loss(batch: Batch) -> Tensor:
        found = logits(images.features[batch.rows, batch.views])
        errors = functional.cross_entropy(found, images.labels[batch.rows])
        return errors + weight * (projection - start).square().sum()

    optimiser = torch.optim.Adam([projection], lr=params.learning_rate, eps=EPSILON)
    trained = train(optimiser, batches, loss, deciding=None)
    return Fitted(
        without_gradient(logits),
        parameters=projection.numel(),
        stored=projection.numel(),
        chosen={},
        losses=trained.losses,
    )
