"""Projected gradient descent on the joint embedding itself: one L2 ball an embedding, on the unit sphere.

It asks what a model loses when its output, not its input, is a little off, and needs no encoder. The attacked
embedding has length 1, so what is searched is the part of the sphere within epsilon: a cap.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend, draw
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
    tiny = torch.finfo(inputs.dtype).tiny
    open_rows = torch.ones((), device=inputs.device) if mask is None else mask.unsqueeze(-1).to(inputs)
    # An edge of the cap: cos = 1 - ε²/2 along the embedding, the rest across.
    along, across = -(epsilon**2) / 2, epsilon * max(0.0, 1 - epsilon**2 / 4) ** 0.5

    def norm(values: Tensor) -> Tensor:
        return torch.linalg.vector_norm(values, dim=-1, keepdim=True)

    def unit(values: Tensor) -> Tensor:
        return values / norm(values).clamp_min(tiny)

    def direction(gradient: Tensor) -> Tensor:
        return unit(gradient * open_rows)

    def project(delta: Tensor) -> Tensor:
        onto = unit(inputs + delta)
        tangent = unit(onto - (onto * inputs).sum(dim=-1, keepdim=True) * inputs)
        chord = onto - inputs
        return open_rows * torch.where(norm(chord) <= epsilon, chord, along * inputs + across * tangent)

    def start(generator: Generator) -> Tensor:
        if not params.random_start or epsilon == 0:
            return torch.zeros_like(inputs)
        radius = draw((len(inputs), 1), generator, inputs) ** (1 / inputs.shape[-1])
        return project(unit(draw(inputs.shape, generator, inputs, normal=True)) * radius * epsilon)

    return Ball(
        start, unit, direction, project,
        params.steps, step_size, params.momentum, params.restarts, empty=epsilon == 0,
    )  # fmt: skip
