"""The fast gradient method on token embeddings (Miyato et al. 2017): PGD of one step, without momentum."""

from collections.abc import Callable

from torch import Generator, Tensor

from crossmodal.attacks import pgd_texts
from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.fgm_texts_params import Params
from crossmodal.attacks.pgd_texts_params import Params as PgdParams


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    mask: Tensor, scale: float, keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ = Π(δ₀ + step · ε · g/‖g‖₂) for each token, float of the shape of `inputs` [b, context, width].

    g is the gradient of `loss` at δ₀, which is 0 without a random start. Arguments and bounds are those of
    `pgd_texts.perturb`.
    """
    ball = make_ball(inputs, params, mask, scale)
    return ascend(lambda deltas: loss(inputs + deltas[0]), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the token embeddings `inputs` (see `pgd_texts.make_ball`)."""
    one_step = PgdParams(
        kind="pgd_texts", epsilon=params.epsilon, steps=1, momentum=0.0,
        step_size=params.step * params.epsilon or None, random_start=params.random_start,
    )  # fmt: skip
    return pgd_texts.make_ball(inputs, one_step, mask, scale)
