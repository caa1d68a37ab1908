"""The constraints of the attacks, for any inputs and parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crossmodal.attacks import pgd_images, pgd_texts
from crossmodal.attacks.pgd_images_params import Params as ImageParams
from crossmodal.attacks.pgd_texts_params import Params as TextParams
from crossmodal.registry import kinds, parse

COMMON = {
    "steps": st.integers(1, 4),
    "step_size": st.none() | st.floats(1e-3, 5),
    "momentum": st.floats(0, 0.99),
    "restarts": st.integers(1, 2),
    "random_start": st.booleans(),
}
IMAGES = st.one_of(
    st.builds(
        ImageParams, kind=st.just("pgd_images"), norm=st.just("linf"), epsilon=st.floats(0, 1), **COMMON
    ),
    st.builds(ImageParams, kind=st.just("pgd_images"), norm=st.just("l2"), epsilon=st.floats(0, 9), **COMMON),
)
TEXTS = st.builds(TextParams, kind=st.just("pgd_texts"), epsilon=st.floats(0, 3), **COMMON)


def rough(weights):
    """Return a loss, one value an example, with many hills."""

    def loss(inputs):
        flat = inputs.flatten(1)
        return (flat @ weights).sin().sum(dim=1) + (flat**3 @ weights).sum(dim=1)

    return loss


@settings(max_examples=40)
@given(params=IMAGES, seed=st.integers(0, 2**32), keep_best=st.booleans())
def test_images_stay_in_the_ball_and_in_the_range_of_pixels(params, seed, keep_best):
    g = torch.Generator().manual_seed(seed)
    pixels = torch.rand(3, 3, 4, 4, generator=g).mul(1.4).sub(0.2).clamp(0, 1)  # some at 0 and at 1
    loss = rough(torch.randn(48, 5, generator=g))
    keep_best = keep_best or params.restarts > 1
    delta = pgd_images.perturb(loss, pixels, params, g, keep_best=keep_best)
    order = float("inf") if params.norm == "linf" else 2
    assert torch.all(torch.linalg.vector_norm(delta, order, dim=(1, 2, 3)) <= params.epsilon * (1 + 1e-5))
    assert torch.all(pixels + delta >= 0) and torch.all(pixels + delta <= 1 + 1e-6)
    if params.epsilon == 0:
        assert torch.count_nonzero(delta) == 0
    if keep_best:
        assert torch.all(loss(pixels + delta) >= loss(pixels))


@settings(max_examples=40)
@given(params=TEXTS, seed=st.integers(0, 2**32), scale=st.floats(0.01, 10))
def test_tokens_stay_in_their_balls_and_masked_ones_where_they_are(params, seed, scale):
    g = torch.Generator().manual_seed(seed)
    embeddings, mask = torch.randn(3, 6, 8, generator=g), torch.rand(3, 6, generator=g) < 0.6
    loss = rough(torch.randn(48, 5, generator=g))
    delta = pgd_texts.perturb(loss, embeddings, params, g, mask=mask, scale=scale)
    assert torch.all(delta.norm(dim=-1) <= params.epsilon * scale * (1 + 1e-5))
    assert torch.count_nonzero(delta[~mask]) == 0
    assert torch.all(loss(embeddings + delta) >= loss(embeddings))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball_evenly(norm):
    params = ImageParams(kind="pgd_images", norm=norm, epsilon=0.1)
    ball = pgd_images.make_ball(torch.full((20_000, 1, 1, 2), 0.5), params)
    start = ball.start(torch.Generator().manual_seed(0)).flatten(1)
    half = 0.05 if norm == "linf" else 0.1 * 0.5**0.5  # radius of the ball with half the area, or side
    inside = (start.abs().amax(dim=1) if norm == "linf" else start.norm(dim=1)) <= half
    assert inside.float().mean() == pytest.approx(0.25 if norm == "linf" else 0.5, abs=0.015)
    assert start.mean() == pytest.approx(0, abs=1e-3)


def test_one_step_without_start_and_momentum_is_fgsm():
    pixels = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(48, 5, generator=torch.Generator().manual_seed(2))
    params = ImageParams(
        kind="pgd_images", epsilon=0.1, steps=1, step_size=0.1, momentum=0.0, random_start=False
    )
    delta = pgd_images.perturb(rough(weights), pixels, params, torch.Generator(), keep_best=False)
    inputs = pixels.clone().requires_grad_(True)
    rough(weights)(inputs).sum().backward()
    expected = (pixels + 0.1 * inputs.grad.sign()).clamp(0, 1) - pixels
    torch.testing.assert_close(delta, expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_momentum_follows_the_formula_written_out_for_one_image(norm):
    pixels = torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(9, 5, generator=torch.Generator().manual_seed(2))
    params = ImageParams(kind="pgd_images", norm=norm, epsilon=0.2, steps=5, momentum=0.9, random_start=False)
    delta = pgd_images.perturb(rough(weights), pixels, params, torch.Generator(), keep_best=False)
    for image, got in zip(pixels, delta, strict=True):
        expected, velocity = torch.zeros_like(image), torch.zeros_like(image)
        for _ in range(5):
            inputs = (image + expected).requires_grad_(True)
            rough(weights)(inputs[None]).sum().backward()
            g = inputs.grad
            velocity = 0.9 * velocity + (g.sign() if norm == "linf" else g / g.norm())
            velocity = velocity / (velocity.abs().max() if norm == "linf" else velocity.norm())
            expected = expected + 2.5 * 0.2 / 5 * velocity
            if norm == "linf":
                expected = expected.clamp(-0.2, 0.2)
            elif expected.norm() > 0.2:
                expected = expected / expected.norm() * 0.2
            expected = (image + expected).clamp(0, 1) - image
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_restarts_choose_the_best_per_example():
    pixels = torch.full((64, 1, 2, 2), 0.5)
    loss = rough(8 * torch.randn(4, 5, generator=torch.Generator().manual_seed(2)))

    def reached(restarts):
        params = ImageParams(kind="pgd_images", epsilon=0.5, steps=3, restarts=restarts)
        delta = pgd_images.perturb(loss, pixels, params, torch.Generator().manual_seed(0))
        return loss(pixels + delta)

    once, often = reached(1), reached(6)
    assert torch.all(often >= once) and torch.any(often > once)
    with pytest.raises(ValueError, match="keep_best"):
        params = ImageParams(kind="pgd_images", restarts=2)
        pgd_images.perturb(loss, pixels, params, torch.Generator(), keep_best=False)


def test_parameters_are_found_by_kind_and_checked():
    assert {"pgd_images", "pgd_texts"} <= set(kinds("attacks"))
    assert parse("attacks", {"kind": "pgd_images", "epsilon": "4/255"}).epsilon == 4 / 255
    for wrong in (
        {"kind": "pgd_images", "epsilon": 8},
        {"kind": "pgd_images", "epsilon": -0.1},
        {"kind": "pgd_images", "norm": "l1"},
        {"kind": "pgd_texts", "epsilon": -0.1},
        {"kind": "pgd_texts", "steps": 0},
    ):
        with pytest.raises(ValidationError):
            parse("attacks", wrong)
