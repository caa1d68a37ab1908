"""FGSM is PGD of one step from the image to the edge of the ball."""

import pytest
import torch
from pydantic import ValidationError

from crossmodal.attacks import fgsm, pgd_images
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
