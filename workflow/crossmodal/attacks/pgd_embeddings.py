"""Projected gradient descent on the joint embedding itself: one L2 ball an embedding, on the unit sphere.

It asks what a model loses when its output, not its input, is a little off, and needs no encoder. The attacked
embedding has length 1, so what is searched is the part of the sphere within epsilon: a cap.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.l2 import draw_in_ball, l2_norm, l2_unit
from crossmodal.attacks.pgd_embeddings_params import Params
from crossmodal.attacks.sphere import moved


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ, float of the shape of `inputs` [b, d], that makes `loss` of `inputs` + δ large.

    `inputs` have length 1, and so has `inputs` + δ; ‖δ‖₂ ≤ epsilon for each row. `loss` returns a scalar or
    one value a row. For `keep_best` see `ascend`.
    """
    ball = make_ball(inputs, params)
    return ascend(lambda deltas: loss(moved(inputs, deltas[0])), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the unit-length embeddings `inputs` [b, d].

    `scale` multiplies the radius and the step. `mask` (bool [b]) is false where an embedding must stay.
    """
    epsilon = min(params.epsilon * scale, 2.0)
    step_size = 2.5 * epsilon / params.steps if params.step_size is None else params.step_size * scale
    open_rows = torch.ones((), device=inputs.device) if mask is None else mask.unsqueeze(-1).to(inputs)
    # An edge of the cap: cos = 1 - ε²/2 along the embedding, the rest across.
    along, across = -(epsilon**2) / 2, epsilon * max(0.0, 1 - epsilon**2 / 4) ** 0.5

    unit = partial(l2_unit, dims=1)

    def direction(gradient: Tensor) -> Tensor:
        return unit(gradient * open_rows)

    def project(delta: Tensor) -> Tensor:
        onto = unit(inputs + delta)
        tangent = unit(onto - (onto * inputs).sum(dim=-1, keepdim=True) * inputs)
        chord = onto - inputs
        inside = l2_norm(chord, 1) <= epsilon
        return open_rows * torch.where(inside, chord, along * inputs + across * tangent)

    def start(generator: Generator) -> Tensor:
        if not params.random_start or epsilon == 0:
            return torch.zeros_like(inputs)
        return project(draw_in_ball(inputs, epsilon, 1, generator))

    return Ball(
        start, unit, direction, project,
        params.steps, step_size, params.momentum, params.restarts, empty=epsilon == 0,
    )  # fmt: skip
