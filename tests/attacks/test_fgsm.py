"""FGSM is PGD of one step from the image to the edge of the ball."""

import pytest
import torch
from pydantic import ValidationError

from crossmodal.attacks import fgm_texts, fgsm, pgd_images
from crossmodal.attacks.fgm_texts_params import Params as TextParams
from crossmodal.attacks.fgsm_params import Params
from crossmodal.attacks.pgd_images_params import Params as PgdParams
from crossmodal.registry import parse


def loss(inputs):
    weights = torch.randn(48, 5, generator=torch.Generator().manual_seed(2))
    return (inputs.flatten(1) @ weights).sin().sum(dim=1)


PIXELS = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("keep_best", [True, False])
def test_equals_one_step_of_pgd(norm, epsilon, keep_best):
    one_step = PgdParams(
        kind="pgd_images", norm=norm, epsilon=epsilon, steps=1, step_size=epsilon or None,
        momentum=0.0, random_start=False,
    )  # fmt: skip
    params = Params(kind="fgsm", norm=norm, epsilon=epsilon)
    found = fgsm.perturb(loss, PIXELS, params, torch.Generator(), keep_best=keep_best)
    expected = pgd_images.perturb(loss, PIXELS, one_step, torch.Generator(), keep_best=keep_best)
    assert torch.equal(found, expected)
    assert (torch.count_nonzero(found) == 0) == (epsilon == 0)


def test_is_the_sign_of_the_gradient_times_epsilon():
    inputs = PIXELS.clone().requires_grad_(True)
    loss(inputs).sum().backward()
    expected = (PIXELS + 0.1 * inputs.grad.sign()).clamp(0, 1) - PIXELS
    found = fgsm.perturb(loss, PIXELS, Params(kind="fgsm", epsilon=0.1), torch.Generator(), keep_best=False)
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=0)


def test_is_found_by_its_kind_and_checked():
    assert parse("attacks", {"kind": "fgsm", "epsilon": "4/255"}).epsilon == 4 / 255
    for wrong in ({"epsilon": -0.1}, {"epsilon": 8}, {"steps": 3}):
        with pytest.raises(ValidationError):
            parse("attacks", {"kind": "fgsm"} | wrong)


def test_from_a_random_start_it_is_the_step_of_wong_et_al():
    """δ₀ uniform in the ball, δ = clip(δ₀ + 1.25 ε sign(g(δ₀)), ±ε), by hand."""
    epsilon = 0.1
    params = Params(kind="fgsm", epsilon=epsilon, step=1.25, random_start=True)
    start = (2 * torch.rand(PIXELS.shape, generator=torch.Generator().manual_seed(4)) - 1) * epsilon
    start = (PIXELS + start).clamp(0, 1) - PIXELS
    inputs = (PIXELS + start).requires_grad_(True)
    loss(inputs).sum().backward()
    expected = (start + 1.25 * epsilon * inputs.grad.sign()).clamp(-epsilon, epsilon)
    expected = (PIXELS + expected).clamp(0, 1) - PIXELS
    generator = torch.Generator().manual_seed(4)
    found = fgsm.perturb(loss, PIXELS, params, generator, keep_best=False)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert found.abs().max() <= epsilon


TOKENS = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(6))
MASK = torch.tensor([[0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 1, 0, 0, 0]]).bool()


def text_loss(inputs):
    weights = torch.randn(40, 5, generator=torch.Generator().manual_seed(3))
    return (inputs.flatten(1) @ weights).sin().sum(dim=1)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_on_tokens_it_is_the_gradient_at_length_epsilon(epsilon):
    inputs = TOKENS.clone().requires_grad_(True)
    text_loss(inputs).sum().backward()
    expected = 2.0 * epsilon * inputs.grad / inputs.grad.norm(dim=-1, keepdim=True) * MASK.unsqueeze(-1)
    params = TextParams(kind="fgm_texts", epsilon=epsilon)
    found = fgm_texts.perturb(
        text_loss, TOKENS, params, torch.Generator(), mask=MASK, scale=2.0, keep_best=False
    )
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_on_tokens_a_random_start_stays_in_the_ball_and_off_the_mask():
    params = TextParams(kind="fgm_texts", epsilon=0.1, step=1.25, random_start=True)
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    found = [
        fgm_texts.perturb(text_loss, TOKENS, params, generator, mask=MASK, scale=3.0, keep_best=False)
        for generator in generators
    ]
    assert not torch.equal(*found)
    for delta in found:
        assert torch.count_nonzero(delta[~MASK]) == 0 and delta[MASK].norm(dim=-1).max() <= 0.3 + 1e-6
        assert (text_loss(TOKENS + delta) > text_loss(TOKENS)).all()
