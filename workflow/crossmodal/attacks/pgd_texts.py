"""Projected gradient descent on token embeddings, before the positional addition: one L2 ball a token.

Start, end and padding tokens are masked and stay as they are.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend, draw
from crossmodal.attacks.pgd_texts_params import Params


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    mask: Tensor, scale: float, keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ, float of the shape of `inputs` [b, context, width], that makes `loss` of `inputs` + δ large.

    `inputs` are token embeddings, or zeros where `loss` wants δ alone (as `encode_texts` does); `mask`
    [b, context] is true for tokens that may change; `scale` is the mean norm of the model's token
    embeddings, the unit of epsilon. `loss` returns a scalar or one value a caption. ‖δ‖₂ ≤ epsilon · scale
    for each token. For `keep_best` see `ascend`.
    """
    ball = make_ball(inputs, params, mask, scale)
    return ascend(lambda deltas: loss(inputs + deltas[0]), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the token embeddings `inputs` [b, context, width].

    `mask` and `scale` are those of `perturb`.
    """
    epsilon = params.epsilon * scale
    step_size = 2.5 * epsilon / params.steps if params.step_size is None else params.step_size * scale
    tiny = torch.finfo(inputs.dtype).tiny
    open_tokens = torch.ones((), device=inputs.device) if mask is None else mask.unsqueeze(-1).to(inputs)

    def norm(values: Tensor) -> Tensor:
        return torch.linalg.vector_norm(values, dim=-1, keepdim=True)

    def unit(values: Tensor) -> Tensor:
        return values / norm(values).clamp_min(tiny)

    def direction(gradient: Tensor) -> Tensor:
        return unit(gradient * open_tokens)

    def project(delta: Tensor) -> Tensor:
        return delta * open_tokens * (epsilon / norm(delta).clamp_min(tiny)).clamp_max(1)

    def start(generator: Generator) -> Tensor:
        if not params.random_start or epsilon == 0:
            return torch.zeros_like(inputs)
        radius = draw((*inputs.shape[:-1], 1), generator, inputs) ** (1 / inputs.shape[-1])
        return project(unit(draw(inputs.shape, generator, inputs, normal=True)) * radius * epsilon)

    return Ball(
        start, unit, direction, project,
        params.steps, step_size, params.momentum, params.restarts, empty=epsilon == 0,
    )  # fmt: skip
