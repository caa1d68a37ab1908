"""Projected gradient descent on token embeddings, before the positional addition: one L2 ball a token.

Start, end and padding tokens are masked and stay as they are.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor

from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.l2 import draw_in_ball, l2_unit, shrink_to_ball
from crossmodal.attacks.pgd_texts_params import Params


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    mask: Tensor, scale: float, keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ, float of the shape of `inputs` [b, context, width], that makes `loss` of `inputs` + δ large.

    `inputs` are token embeddings, or zeros where `loss` wants δ alone (as `encode_texts` does); `mask`
    [b, context] is true for tokens that may change; `scale` is the mean norm of the base model's used token
    embeddings (`mean_token_norm`), the unit of epsilon. `loss` returns a scalar or one value a caption.
    ‖δ‖₂ ≤ epsilon · scale for each token. For `keep_best` see `ascend`.
    """
    ball = make_ball(inputs, params, mask, scale)
    return ascend(lambda deltas: loss(inputs + deltas[0]), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the token embeddings `inputs` [b, context, width].

    `mask` and `scale` are those of `perturb`.
    """
    epsilon = params.epsilon * scale
    step_size = 2.5 * epsilon / params.steps if params.step_size is None else params.step_size * scale
    open_tokens = torch.ones((), device=inputs.device) if mask is None else mask.unsqueeze(-1).to(inputs)

    unit = partial(l2_unit, dims=1)

    def direction(gradient: Tensor) -> Tensor:
        return unit(gradient * open_tokens)

    def project(delta: Tensor) -> Tensor:
        return shrink_to_ball(delta * open_tokens, epsilon, 1)

    def start(generator: Generator) -> Tensor:
        if not params.random_start or epsilon == 0:
            return torch.zeros_like(inputs)
        return project(draw_in_ball(inputs, epsilon, 1, generator))

    return Ball(
        start, unit, direction, project,
        params.steps, step_size, params.momentum, params.restarts, empty=epsilon == 0,
    )  # fmt: skip
