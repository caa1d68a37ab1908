"""Our PGD beside torchattacks', on the same trained model and images: the same path, loss and recall."""

import numpy as np
import pytest
import torch
import torchattacks
from scipy import stats
from torch import nn

from crossmodal.attacks import pgd_images
from crossmodal.attacks.objectives import query_loss
from crossmodal.attacks.pgd_images_params import Params
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale
from crossmodal.models.loss import query_losses

STEPS, STARTS = 10, 6
CASES = [("linf", 0.03), ("linf", 0.1), ("l2", 0.3), ("l2", 1.0)]


class _Logits(nn.Module):
    """Image to text as a classifier, which is what torchattacks attacks."""

    def __init__(self, trained):
        super().__init__()
        self.model, self.scale = trained.model, logit_scale(trained.model).detach()
        with torch.no_grad():
            self.texts = encode_texts(trained.model, trained.tokens)

    def forward(self, pixels):
        return self.scale * encode_images(self.model, pixels) @ self.texts.T


def peer(trained, norm, epsilon, random_start):
    attack = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
    step = 2.5 * epsilon / STEPS
    return attack(_Logits(trained), eps=epsilon, alpha=step, steps=STEPS, random_start=random_start)


def ours(trained, params, seed=0, keep_best=False):
    logits, labels = _Logits(trained), trained.labels

    def loss(pixels):
        images = encode_images(trained.model, pixels)
        return query_losses(images, logits.texts, labels, labels, logits.scale)

    generator = torch.Generator().manual_seed(seed)
    delta = pgd_images.perturb(loss, trained.pixels, params, generator, keep_best=keep_best)
    return trained.pixels + delta


def score(trained, pixels):
    """Return the mean loss of the images as queries, and their recall@1."""
    with torch.no_grad():
        logits = _Logits(trained)(pixels)
    right = logits.argmax(dim=1) == trained.labels
    return float(nn.functional.cross_entropy(logits, trained.labels)), float(right.float().mean())


def interval(values):
    """Return the 95 % interval of the mean of a few runs."""
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return np.mean(values) - half, np.mean(values) + half


@pytest.mark.parametrize(("norm", "epsilon"), CASES)
def test_without_a_random_start_both_take_the_same_path(trained, norm, epsilon):
    params = Params(
        kind="pgd_images", norm=norm, epsilon=epsilon, steps=STEPS, momentum=0.0, random_start=False
    )
    theirs = peer(trained, norm, epsilon, False)(trained.pixels, trained.labels)
    torch.testing.assert_close(ours(trained, params), theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("norm", "epsilon"), CASES)
def test_loss_and_recall_agree_within_sampling_error(trained, norm, epsilon):
    params = Params(kind="pgd_images", norm=norm, epsilon=epsilon, steps=STEPS, momentum=0.0)
    attack, found, expected = peer(trained, norm, epsilon, True), [], []
    for seed in range(STARTS):
        torch.manual_seed(seed)
        expected.append(score(trained, attack(trained.pixels, trained.labels)))
        found.append(score(trained, ours(trained, params, seed)))
    for own, other in zip(zip(*found, strict=True), zip(*expected, strict=True), strict=True):
        (low, high), (other_low, other_high) = interval(own), interval(other)
        # Starts in L2 are not alike, ours even in the ball and theirs in the radius: 5 % beside the intervals.
        slack = 0.05 * abs(float(np.mean(other))) if norm == "l2" else 1e-6
        assert low <= other_high + slack and other_low <= high + slack


@pytest.mark.parametrize("epsilon", [0.03, 0.1])
def test_with_momentum_it_is_as_strong_as_mi_fgsm(trained, epsilon):
    """Their momentum is under another norm, so paths differ; ours must not be the weaker one."""
    attack = torchattacks.MIFGSM(
        _Logits(trained), eps=epsilon, alpha=2.5 * epsilon / STEPS, steps=STEPS, decay=0.9
    )
    their_loss, their_recall = score(trained, attack(trained.pixels, trained.labels))
    params = Params(kind="pgd_images", epsilon=epsilon, steps=STEPS, momentum=0.9)
    runs = [score(trained, ours(trained, params, seed)) for seed in range(STARTS)]
    losses, recalls = zip(*runs, strict=True)
    assert interval(losses)[1] >= 0.98 * their_loss and np.mean(recalls) <= their_recall + 1 / 12


def test_targeted_attacks_take_the_same_path(trained):
    targets = (trained.labels + 5) % 12
    attack = peer(trained, "linf", 0.3, False)
    attack.set_mode_targeted_by_label(quiet=True)
    theirs = attack(trained.pixels, targets)
    logits, labels = _Logits(trained), trained.labels
    objective = query_loss(labels, labels, logits.scale, targets=targets)
    params = Params(kind="pgd_images", epsilon=0.3, steps=STEPS, momentum=0.0, random_start=False)
    delta = pgd_images.perturb(
        lambda pixels: objective(encode_images(trained.model, pixels), logits.texts),
        trained.pixels, params, torch.Generator(), keep_best=False,
    )  # fmt: skip
    torch.testing.assert_close(trained.pixels + delta, theirs, atol=2e-5, rtol=0)
    assert float((logits(theirs).argmax(dim=1) == targets).float().mean()) > 0.6
