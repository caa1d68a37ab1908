"""Projected gradient descent on pixels in an L∞ or L2 ball (Madry et al. 2018), with momentum.

Pixels are in [0, 1] and stay there. In both norms v is divided by its own norm over the image, L∞ or L2.
With the sign function in its place momentum would do nothing under L∞: |μ v| < 1 never outweighs ĝ = ±1.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend, draw
from crossmodal.attacks.l2 import draw_in_ball, l2_unit, shrink_to_ball
from crossmodal.attacks.pgd_images_params import Params


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ, float of the shape of `inputs` [b, c, h, w], that makes `loss` of `inputs` + δ large.

    `loss` returns a scalar or one value an image; `inputs` are in [0, 1] and `inputs` + δ is too (up to
    rounding: clamp it). ‖δ‖ ≤ epsilon for each image. For `keep_best` see `ascend`.
    """
    ball = make_ball(inputs, params)
    return ascend(lambda deltas: loss(inputs + deltas[0]), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the images `inputs` [b, c, h, w] in [0, 1].

    `scale` multiplies the radius and the step. `mask` (float, broadcast to the images) is 0 where a pixel
    must stay as it is.
    """
    epsilon = params.epsilon * scale
    step_size = 2.5 * epsilon / params.steps if params.step_size is None else params.step_size * scale
    infinity, tiny = params.norm == "linf", torch.finfo(inputs.dtype).tiny
    open_pixels = torch.ones((), device=inputs.device) if mask is None else mask

    def unit(values: Tensor) -> Tensor:
        if infinity:  # many times faster than torch's norm of this order
            return values / values.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(tiny)
        return l2_unit(values, 3)

    def direction(gradient: Tensor) -> Tensor:
        gradient = gradient * open_pixels
        return gradient.sign() if infinity else unit(gradient)

    def project(delta: Tensor) -> Tensor:
        delta = delta * open_pixels
        delta = delta.clamp(-epsilon, epsilon) if infinity else shrink_to_ball(delta, epsilon, 3)
        # Towards the image, for it lies in [0, 1] itself: no coordinate grows, so δ stays in the ball.
        return torch.maximum(torch.minimum(delta, 1 - inputs), -inputs)

    def start(generator: Generator) -> Tensor:
        if not params.random_start or epsilon == 0:
            return torch.zeros_like(inputs)
        if infinity:
            return project((2 * draw(inputs.shape, generator, inputs) - 1) * epsilon)
        return project(draw_in_ball(inputs, epsilon, 3, generator))

    return Ball(
        start, unit, direction, project,
        params.steps, step_size, params.momentum, params.restarts, empty=epsilon == 0,
    )  # fmt: skip
