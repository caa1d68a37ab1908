"""Checks that expose gradient masking: a defence that hides its gradients looks robust and is not.

The signs are those of Athalye et al. (2018, section 3.1) and Carlini et al. (2019): where one of them shows,
the recall under attack says little about the model. Passing is needed, not sufficient. Where the queries have
hardly a right answer to lose a check would pass whatever the attack does: it says nothing then.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.attacks.api import attack_embeddings, attack_images, attack_texts
from crossmodal.attacks.context import frozen
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    logit_scale,
    mean_token_norm,
    perturbable,
    token_embedding,
)
from crossmodal.models.loss import query_losses
from crossmodal.parameters import Parameters
from crossmodal.registry import load

_FEW = 0.05
"""Recall that counts as none, and a difference of recalls that does; one query does in any case."""
_SHARE = 0.05
"""Part of a loss that counts as none: what the luck of a start may change."""
_DRAWS = 5
"""Random perturbations of a query."""
_STARTS = 3
"""Restarts of the attack."""
_LADDER = 4
"""How many times its steps an attack of the check of steps has of the one before."""


@dataclass(frozen=True, slots=True)
class Check:
    """One sign of gradient masking, looked for."""

    name: str
    statement: str
    """What holds for a model whose gradients lead an attack."""
    measured: dict[str, float]
    """Mean loss of the queries in nats and their recall@1 as a fraction, "loss, <attack>" and so on."""
    passed: bool | None
    """None where no more of the queries are answered without an attack than count as none."""


def sanity_checks(
    model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor, params: Parameters, generator: Generator,
    unit: float | None = None,
) -> list[Check]:  # fmt: skip
    """Return five checks of `model` under PGD with `params`; each compares attacks on all of the queries.

    Queries are the images `pixels` [n, 3, s, s] in [0, 1] for an attack on pixels or on the joint embedding,
    the captions `tokens` [n, context] for one on token embeddings; the other side is the gallery, and equal
    `labels` [n] make a right answer. The loss is each query's cross-entropy over the gallery, and a query
    keeps the strongest perturbation met. `unit` is that of `attack_texts`. It costs about 7 · steps + 30 passes
    forward and backward. Raises ValueError for an attack without steps and restarts to vary.
    """
    if not {"steps", "restarts", "momentum"} <= type(params).model_fields.keys():
        raise ValueError("the sanity checks vary steps and restarts: give the parameters of a PGD")
    with frozen(model):
        bench = _Bench(model, pixels, tokens, labels, params, generator, unit)
        found = [check(bench) for check in (_one_step, _large_epsilon, _more_steps, _noise, _restarts)]
    if bench.clean.recall > bench.few:
        return found
    return [replace(check, passed=None) for check in found]


class _Result(NamedTuple):
    loss: float
    recall: float


class _Bench:
    """The queries, the gallery and one attack, to be repeated with changes from the same random start."""

    def __init__(
        self, model: CLIP, pixels: Tensor, tokens: Tensor, labels: Tensor, params: Any, generator: Generator,
        unit: float | None,
    ) -> None:  # fmt: skip
        self.model, self.pixels, self.tokens, self.labels = model, pixels, tokens, labels
        self.params, self.device = params, pixels.device
        self.few = max(_FEW, 1 / len(labels)) + 1e-6
        self.seed = int(torch.randint(2**31, (1,), generator=generator, device=generator.device))
        self.scale = logit_scale(model).detach()
        self.unit = mean_token_norm(model, tokens) if unit is None else unit
        with torch.no_grad():
            self.images, self.texts = encode_images(model, pixels), encode_texts(model, tokens)
        self._reached: dict[str, _Result] = {}
        self.clean = self._score(self.texts if params.space == "texts" else self.images)
        self.attacked = self.attack()

    def attack(self, **changes: Any) -> _Result:
        """Return what the attack reaches with `changes` of its parameters; the same twice costs once."""
        params = type(self.params).model_validate(self.params.model_dump() | changes)
        key = params.model_dump_json()
        if key not in self._reached:
            self._reached[key] = self._attack(params)
        return self._reached[key]

    def _attack(self, params: Any) -> _Result:
        sides = self.model, self.pixels, self.tokens, self.labels, params
        generator = Generator(self.device).manual_seed(self.seed)
        if params.space == "images":
            return self._score(self._features(attack_images(*sides, generator=generator) - self.pixels))
        if params.space == "texts":
            return self._score(self._features(attack_texts(*sides, unit=self.unit, generator=generator)))
        found = attack_embeddings(
            self.images, self.texts, self.labels, self.labels, params,
            scale=float(self.scale), generator=generator,
        )  # fmt: skip
        return self._score(found)

    def noise(self) -> _Result:
        """Return what the strongest of a few random perturbations at the edge of the ball reaches."""
        ball = self._ball(type(self.params).model_validate(self.params.model_dump() | {"step_size": None}))
        generator = Generator(self.device).manual_seed(self.seed)
        found = [self._features(torch.zeros_like(ball.start(generator)))]
        for _ in range(_DRAWS):
            random = torch.randn(ball.start(generator).shape, generator=generator, device=self.device)
            # Far outside, so that it is brought back to the edge.
            found.append(self._features(ball.project(1e3 * ball.step_size * ball.direction(random))))
        losses = torch.stack([self._losses(features) for features in found])
        strongest = losses.argmax(dim=0)
        return self._score(torch.stack(found)[strongest, torch.arange(len(strongest), device=self.device)])

    def _ball(self, params: Any) -> Any:
        make_ball = load("attacks", params.kind).make_ball
        if params.space == "images":
            return make_ball(self.pixels, params)
        if params.space == "embeddings":
            return make_ball(self.images, params)
        weight = token_embedding(self.model).weight
        zeros = weight.new_zeros(*self.tokens.shape, weight.shape[1])
        return make_ball(zeros, params, perturbable(self.tokens, self.model), self.unit)

    @torch.no_grad()
    def _features(self, delta: Tensor) -> Tensor:
        if self.params.space == "images":
            return encode_images(self.model, self.pixels + delta)
        if self.params.space == "texts":
            return encode_texts(self.model, self.tokens, delta)
        return functional.normalize(self.images + delta, dim=-1)

    def _losses(self, features: Tensor) -> Tensor:
        gallery = self.images if self.params.space == "texts" else self.texts
        return query_losses(features, gallery, self.labels, self.labels, self.scale)

    def _score(self, features: Tensor) -> _Result:
        gallery = self.images if self.params.space == "texts" else self.texts
        cosines, right = features @ gallery.T, self.labels.unsqueeze(1) == self.labels.unsqueeze(0)
        best_right = cosines.masked_fill(~right, -torch.inf).amax(dim=1)
        best_wrong = cosines.masked_fill(right, -torch.inf).amax(dim=1)
        return _Result(float(self._losses(features).mean()), float((best_right > best_wrong).float().mean()))


def _one_step(bench: _Bench) -> Check:
    """Compare with FGSM's step, from the query to the edge of the ball."""
    one = bench.attack(
        steps=1, momentum=0.0, restarts=1, random_start=False, step_size=bench.params.epsilon or None
    )
    full = bench.attacked
    weaker = one.loss <= _more(full.loss) and full.recall <= one.recall + bench.few
    return _check("one_step", "One step is no stronger than many.", {"one step": one, "attack": full}, weaker)


def _large_epsilon(bench: _Bench) -> Check:
    """Attack in a ball that holds all that a query can be."""
    params, steps = bench.params, max(20, bench.params.steps)
    unbounded = {
        "images": 1.0 if getattr(params, "norm", "") == "linf" else bench.pixels[0].numel() ** 0.5,
        "texts": 10.0,
        "embeddings": 2.0,
    }[params.space]
    found = bench.attack(epsilon=max(unbounded, params.epsilon), steps=steps, step_size=None)
    statement = "Without a bound the attack leaves hardly a query right."
    measured = {"clean": bench.clean, "unbounded": found}
    return _check("large_epsilon", statement, measured, found.recall <= bench.few)


def _more_steps(bench: _Bench) -> Check:
    """Attack with 1, 4, 16 ... steps, up to twice as many as given."""
    counts = [1]
    while counts[-1] < 2 * bench.params.steps:
        counts.append(min(_LADDER * counts[-1], 2 * bench.params.steps))
    found = [bench.attack(steps=count, step_size=None) for count in counts]
    losses = [result.loss for result in found]
    rising = all(max(losses[:i]) <= _more(losses[i]) for i in range(1, len(losses)))
    measured = {
        f"{count} step{'s' if count > 1 else ''}": result for count, result in zip(counts, found, strict=True)
    }
    return _check("more_steps", "More steps never make the attack weaker.", measured, rising)


def _noise(bench: _Bench) -> Check:
    noise, full = bench.noise(), bench.attacked
    stronger = full.loss > noise.loss and full.recall <= noise.recall
    if bench.params.epsilon == 0:
        stronger = full == noise
    return _check(
        "noise", f"The attack is stronger than the strongest of {_DRAWS} random perturbations of its size.",
        {"noise": noise, "attack": full}, stronger,
    )  # fmt: skip


def _restarts(bench: _Bench) -> Check:
    """Compare recalls: a loss with several hills has higher and lower ones, without any gradient hidden."""
    one, several = bench.attack(restarts=1), bench.attack(restarts=max(_STARTS, bench.params.restarts))
    return _check(
        "restarts", "Restarts change little: the attack does not hang on the luck of its start.",
        {"one start": one, "restarts": several}, one.recall <= several.recall + bench.few,
    )  # fmt: skip


def _more(loss: float) -> float:
    """Return a loss that differs from `loss` by next to nothing."""
    return loss * (1 + _SHARE) + 0.01


def _check(name: str, statement: str, results: dict[str, _Result], passed: bool) -> Check:
    measured = {
        f"{quantity}, {what}": value
        for what, result in results.items()
        for quantity, value in result._asdict().items()
    }
    return Check(name, statement, measured, passed)
