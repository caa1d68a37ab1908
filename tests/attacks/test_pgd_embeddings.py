"""Attacks on the joint embedding: on the sphere, in the ball, and as strong as a search finds."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from crossmodal.attacks import pgd_embeddings
from crossmodal.attacks.api import attack_embeddings
from crossmodal.attacks.pgd_embeddings_params import Params
from crossmodal.registry import parse


def unit_rows(count, width, generator):
    return functional.normalize(torch.randn(count, width, generator=generator), dim=-1)


@settings(max_examples=30)
@given(
    epsilon=st.floats(0, 2), steps=st.integers(1, 4), step_size=st.none() | st.floats(1e-3, 5),
    momentum=st.floats(0, 0.99), random_start=st.booleans(), width=st.integers(2, 9),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_stays_on_the_sphere_and_in_the_ball(epsilon, steps, step_size, momentum, random_start, width, seed):
    params = Params(
        kind="pgd_embeddings", epsilon=epsilon, steps=steps, step_size=step_size, momentum=momentum,
        random_start=random_start,
    )  # fmt: skip
    g = torch.Generator().manual_seed(seed)
    features, weights = unit_rows(5, width, g), torch.randn(width, 4, generator=g)

    def loss(inputs):
        return (3 * inputs @ weights).sin().sum(dim=1)

    delta = pgd_embeddings.perturb(loss, features, params, g)
    assert torch.all(delta.norm(dim=1) <= epsilon * (1 + 1e-5) + 1e-6)
    torch.testing.assert_close((features + delta).norm(dim=1), torch.ones(5), atol=1e-5, rtol=0)
    assert torch.all(loss(features + delta) >= loss(features) - 1e-4)
    if epsilon == 0:
        assert torch.count_nonzero(delta) == 0


@pytest.mark.parametrize("epsilon", [0.05, 0.7, 1.6])
def test_projection_finds_the_nearest_point_of_the_cap(epsilon):
    """Against a fine grid of the circle."""
    g = torch.Generator().manual_seed(0)
    features, far = unit_rows(40, 2, g), 3 * torch.randn(40, 2, generator=g)
    project = pgd_embeddings.make_ball(features, Params(kind="pgd_embeddings", epsilon=epsilon)).project
    found = features + project(far)
    angles = torch.linspace(0, 2 * math.pi, 20_001)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    for feature, point, got in zip(features, features + far, found, strict=True):
        cap = circle[(circle - feature).norm(dim=1) <= epsilon]
        assert float((got - point).norm()) <= float((cap - point).norm(dim=1).min()) + 1e-3


def test_for_a_linear_loss_it_ends_at_the_edge_in_the_direction_of_the_weights():
    g = torch.Generator().manual_seed(3)
    features, target = unit_rows(6, 8, g), unit_rows(1, 8, g)
    params = Params(kind="pgd_embeddings", epsilon=0.05, steps=60, step_size=0.02, momentum=0.0)
    attacked = features + pgd_embeddings.perturb(lambda inputs: inputs @ target[0], features, params, g)
    # On the great circle to the target, by the angle of the chord.
    angle = 2 * math.asin(0.05 / 2)
    across = functional.normalize(target - (features @ target.T) * features, dim=-1)
    expected = math.cos(angle) * features + math.sin(angle) * across
    torch.testing.assert_close(attacked, expected, atol=1e-4, rtol=0)


def test_moves_the_rows_that_the_mask_leaves_open_only():
    g = torch.Generator().manual_seed(4)
    features, mask = unit_rows(6, 8, g), torch.tensor([True, False] * 3)
    ball = pgd_embeddings.make_ball(features, Params(kind="pgd_embeddings"), mask)
    moved = ball.project(ball.start(g) + ball.direction(torch.ones(6, 8))).norm(dim=1)
    assert (moved > 0).tolist() == mask.tolist()


def test_recall_falls_as_the_ball_grows():
    g = torch.Generator().manual_seed(5)
    gallery, labels = unit_rows(200, 16, g), torch.arange(200)
    queries = functional.normalize(gallery + 0.1 * torch.randn(200, 16, generator=g), dim=-1)
    recalls = []
    for epsilon in (0.0, 0.05, 0.2, 0.5, 1.0):
        found = attack_embeddings(
            queries, gallery, labels, labels, {"kind": "pgd_embeddings", "epsilon": epsilon}
        )
        recalls.append(float(((found @ gallery.T).argmax(dim=1) == labels).float().mean()))
    assert recalls[0] > 0.9 and recalls == sorted(recalls, reverse=True) and recalls[-1] == 0.0


def test_defaults_are_the_proposals_and_values_are_checked():
    params = parse("attacks", {"kind": "pgd_embeddings"})
    assert (params.epsilon, params.steps, params.space) == (0.05, 10, "embeddings")
    for wrong in ({"epsilon": -0.05}, {"epsilon": 2.1}, {"steps": 0}, {"norm": "l2"}):
        with pytest.raises(ValidationError):
            parse("attacks", {"kind": "pgd_embeddings"} | wrong)
