"""The fast gradient sign method (Goodfellow et al. 2015; Wong et al. 2020): PGD of one step, without momentum."""

from collections.abc import Callable

from torch import Generator, Tensor

from crossmodal.attacks import pgd_images
from crossmodal.attacks.ascent import Ball, ascend
from crossmodal.attacks.fgsm_params import Params
from crossmodal.attacks.pgd_images_params import Params as PgdParams


def perturb(
    loss: Callable[[Tensor], Tensor], inputs: Tensor, params: Params, generator: Generator, *,
    keep_best: bool = True,
) -> Tensor:  # fmt: skip
    """Return δ = Π(δ₀ + step · ε · sign(g)), float of the shape of `inputs` [b, c, h, w], cut to pixels in [0, 1].

    g is the gradient of `loss` at δ₀, which is 0 without a random start; with norm l2 it is g/‖g‖₂ in place of the
    sign. Arguments and bounds are those of `pgd_images.perturb`; with
    `keep_best` an image whose loss the step lowers keeps δ = 0.
    """
    ball = make_ball(inputs, params)
    return ascend(lambda deltas: loss(inputs + deltas[0]), [ball], generator, keep_best)[0]


def make_ball(inputs: Tensor, params: Params, mask: Tensor | None = None, scale: float = 1.0) -> Ball:
    """Return the perturbations allowed for the images `inputs` [b, c, h, w] (see `pgd_images.make_ball`)."""
    one_step = PgdParams(
        kind="pgd_images", norm=params.norm, epsilon=params.epsilon, steps=1, momentum=0.0,
        step_size=params.step * params.epsilon or None, random_start=params.random_start,
    )  # fmt: skip
    return pgd_images.make_ball(inputs, one_step, mask, scale)
