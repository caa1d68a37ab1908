"""Projected gradient ascent with momentum (Madry et al. 2018; momentum as in Dong et al. 2018).

δ₀ is drawn in the ball; v ← normalise(μ v + ĝ) and δ ← Π(δ + η v). What a ball is, an attack says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

Loss = Callable[[Sequence[Tensor]], Tensor]
"""Perturbations, one a ball, to a scalar, or to one loss an example (float [b])."""


@dataclass(frozen=True, slots=True)
class Ball:
    """The set of perturbations that an attack may choose from, and how it walks there."""

    start: Callable[[Generator], Tensor]
    """Returns δ₀, float, of the shape of the inputs."""
    unit: Callable[[Tensor], Tensor]
    """Returns a direction scaled to norm 1, per example or per token; zero stays zero."""
    direction: Callable[[Tensor], Tensor]
    """Returns ĝ, the direction of norm 1 in which the loss grows fastest, for a gradient."""
    project: Callable[[Tensor], Tensor]
    """Returns the perturbation of the ball nearest to the one given."""
    steps: int
    step_size: float
    """η, in the unit of δ."""
    momentum: float
    restarts: int
    empty: bool
    """True where only δ = 0 is allowed."""


def draw(shape: Sequence[int], generator: Generator, like: Tensor, normal: bool = False) -> Tensor:
    """Return uniform [0, 1) or standard normal numbers of `shape`, of the type and device of `like`."""
    sample = torch.randn if normal else torch.rand
    return sample(tuple(shape), generator=generator, device=generator.device).to(like)


def ascend(loss: Loss, balls: Sequence[Ball], generator: Generator, keep_best: bool = True) -> list[Tensor]:
    """Return one perturbation a ball that together make `loss` large; each lies in its ball.

    The balls are climbed together: one gradient serves all of them, and one with fewer steps than another
    rests after its own. With `keep_best` the result is the best perturbation met, δ = 0 among them, so the
    loss never ends below where it began: chosen per example where `loss` returns one value an example,
    otherwise for the whole batch. That costs two forward passes more; without it the last perturbation of
    the only restart is returned, as is usual in training. Gradients go to the perturbations alone.
    """
    restarts = max(ball.restarts for ball in balls)
    if not keep_best and restarts > 1:
        raise ValueError("several restarts are compared by their loss: keep_best must be true")
    if all(ball.empty for ball in balls):
        return [torch.zeros_like(ball.start(generator)) for ball in balls]
    record = _Record()
    for restart in range(restarts):
        deltas = [ball.start(generator) for ball in balls]
        if restart == 0 and keep_best:
            record.add(loss, [torch.zeros_like(delta) for delta in deltas])
        deltas = _climb(loss, balls, deltas, record if keep_best else None)
    return record.best if keep_best else deltas


def _climb(loss: Loss, balls: Sequence[Ball], deltas: list[Tensor], record: "_Record | None") -> list[Tensor]:
    """Return the perturbations at the end of one climb from `deltas`; those on the way go to `record`."""
    velocities = [torch.zeros_like(delta) for delta in deltas]
    for step in range(max(ball.steps for ball in balls if not ball.empty)):
        moving = [i for i, ball in enumerate(balls) if step < ball.steps and not ball.empty]
        for i in moving:
            deltas[i].requires_grad_(True)
        with torch.enable_grad():
            values = loss(deltas)
            gradients = torch.autograd.grad(values.sum(), [deltas[i] for i in moving])
        deltas = [delta.detach() for delta in deltas]
        if record is not None:
            record.compare(values.detach(), deltas)
        for i, gradient in zip(moving, gradients, strict=True):
            ball = balls[i]
            velocities[i] = ball.unit(ball.momentum * velocities[i] + ball.direction(gradient))
            deltas[i] = ball.project(deltas[i] + ball.step_size * velocities[i])
    if record is not None:
        record.add(loss, deltas)
    return deltas


class _Record:
    """The best perturbations so far, and their losses."""

    best: list[Tensor]

    def __init__(self) -> None:
        self._values: Tensor | None = None

    @torch.no_grad()
    def add(self, loss: Loss, deltas: list[Tensor]) -> None:
        self.compare(loss(deltas), deltas)

    def compare(self, values: Tensor, deltas: list[Tensor]) -> None:
        if self._values is None:
            self._values, self.best = values.clone(), [delta.clone() for delta in deltas]
            return
        better = values > self._values
        self._values = torch.where(better, values, self._values)
        self.best = [
            torch.where(better.view(better.shape + (1,) * (delta.ndim - better.ndim)), delta, best)
            for delta, best in zip(deltas, self.best, strict=True)
        ]
