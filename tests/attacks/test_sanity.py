"""The checks pass for a model with honest gradients and fail for one that hides them."""

import copy

import pytest
import torch
from torch import nn

from crossmodal.attacks.fgsm_params import Params as FgsmParams
from crossmodal.attacks.pgd_embeddings_params import Params as EmbeddingParams
from crossmodal.attacks.pgd_images_params import Params as ImageParams
from crossmodal.attacks.pgd_texts_params import Params as TextParams
from crossmodal.attacks.sanity import sanity_checks
from crossmodal.models.dual_encoder import mean_token_norm

NAMES = ["one_step", "large_epsilon", "more_steps", "noise", "restarts"]
ATTACKS = {
    "linf": ImageParams(kind="pgd_images", epsilon=0.03, steps=10),
    "l2": ImageParams(kind="pgd_images", norm="l2", epsilon=0.5, steps=10),
    "texts": TextParams(kind="pgd_texts", epsilon=0.3, steps=10),
    "embeddings": EmbeddingParams(kind="pgd_embeddings", epsilon=0.2),
}


def checks(trained, params, model=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = model or trained.model
    unit = mean_token_norm(model)
    return sanity_checks(model, trained.pixels, trained.tokens, trained.labels, params, generator, unit=unit)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_undefended_model_passes(trained, name):
    found = checks(trained, ATTACKS[name])
    assert [check.name for check in found] == NAMES
    assert [check.name for check in found if not check.passed] == [], found
    assert all(check.measured and check.statement.endswith(".") for check in found)
    assert found == checks(trained, ATTACKS[name])


class _Quantised(nn.Module):
    """A tower behind a step function: its gradient with respect to pixels is 0 (shattered gradients)."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, images):
        return self.tower((images * 4).round() / 4)


def test_a_model_that_hides_its_gradients_is_found_out(trained):
    masked = copy.deepcopy(trained.model)
    masked.visual = _Quantised(masked.visual)
    found = {check.name: check for check in checks(trained, ATTACKS["linf"], masked)}
    assert not found["large_epsilon"].passed and not found["noise"].passed
    assert found["large_epsilon"].measured["recall, unbounded"] > 0.05


class _Noisy(nn.Module):
    """A tower behind a maze: a wave over the pixels whose gradient points anywhere but to the goal."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, images):
        return self.tower(images + 0.02 * torch.sin(3000 * images))


def test_a_maze_of_gradients_shows_too(trained):
    masked = copy.deepcopy(trained.model)
    masked.visual = _Noisy(masked.visual)
    found = {check.name: check for check in checks(trained, ATTACKS["linf"], masked)}
    assert not found["one_step"].passed and not found["noise"].passed
    measured = found["one_step"].measured
    assert measured["recall, one step"] < 0.5 < measured["recall, attack"]


def test_without_a_ball_nothing_happens_and_large_epsilon_still_breaks(trained):
    found = {
        check.name: check for check in checks(trained, ImageParams(kind="pgd_images", epsilon=0.0, steps=5))
    }
    assert found["noise"].measured["recall, attack"] == 1.0
    assert all(check.passed for check in found.values())


def test_an_attack_without_steps_is_an_error(trained):
    with pytest.raises(ValueError, match="parameters of a PGD"):
        checks(trained, FgsmParams(kind="fgsm"))


@pytest.mark.parametrize("name", ATTACKS)
def test_where_there_is_nothing_to_lose_the_checks_say_nothing(trained, name):
    """Labels turned by one: the model finds the wrong caption of every image, so no attack can cost it a query."""
    wrong = trained._replace(tokens=trained.tokens.roll(1, dims=0))
    found = checks(wrong, ATTACKS[name])
    assert [check.name for check in found] == NAMES and [check.passed for check in found] == [None] * 5
    measured = next(check.measured for check in found if check.name == "large_epsilon")
    assert measured["recall, clean"] == 0.0
    assert all(check.measured for check in found)
