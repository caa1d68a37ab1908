"""Keys, votes and the choice of alpha and beta, each against what is slow and obvious."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from crossmodal import registry
from crossmodal.classifiers import cache
from crossmodal.classifiers.base import Split, embed, zero_shot_logits
from few_shot_tasks import fit, make_task, queries


def vote_loop(task, features, keys, labels, alpha, beta):
    """Return s f Wᵀ + α (s/100) A L, written out in double precision."""
    found = np.zeros((len(features), len(task.texts)))
    for i, feature in enumerate(features.double().numpy()):
        f = task.projection.double().numpy() @ feature
        f = f + task.bias.double().numpy() if task.bias is not None else f
        f = f / math.sqrt(sum(f**2))
        for c, text in enumerate(task.texts.double().numpy()):
            found[i, c] = task.scale * sum(f * text)
        for key, label in zip(keys.double().numpy(), labels.tolist(), strict=True):
            found[i, label] += alpha * task.scale / 100 * math.exp(-beta * (1 - sum(f * key)))
    return found


def test_a_key_is_the_mean_of_views_before_their_length_is_taken_off(task) -> None:
    keys, labels = cache.image_keys(task, None)
    assert torch.equal(labels, task.splits.train.labels)
    for key, views in zip(keys, task.splits.train.features, strict=True):
        mean = sum(task.projection @ view + task.bias for view in views)
        torch.testing.assert_close(key, mean / mean.norm(), atol=1e-5, rtol=0)


def test_a_group_is_one_key(task) -> None:
    every, owners = cache.image_keys(task, None)
    keys, labels = cache.image_keys(task, 3)
    assert labels.tolist() == [c for c in range(5) for _ in range(3)]
    for c in range(5):
        first, second, third, fourth = every[owners == c]
        expected = torch.stack([(first + second) / (first + second).norm(), third, fourth])
        torch.testing.assert_close(keys[labels == c], expected)
    for size in (4, 9):
        assert all(map(torch.equal, cache.image_keys(task, size), (every, owners)))


def test_classes_of_few_images_keep_what_they_have(task) -> None:
    kept = torch.tensor([0, 1, 2, 3, 4, 5, 6])
    train = Split(task.splits.train.features[kept], torch.tensor([0, 0, 0, 0, 0, 3, 3]))
    _, labels = cache.image_keys(replace(task, splits=replace(task.splits, train=train)), 3)
    assert labels.tolist() == [0, 0, 0, 3, 3]


@settings(max_examples=25)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_votes_are_the_sum_over_keys(classes, shots, views, size, bias) -> None:
    task = make_task(classes, shots, views, width=7, size=5, bias=bias)
    found = fit(task, "tip_adapter", size=size, alphas=[2.5], betas=[4.0])
    keys, labels = cache.image_keys(task, size)
    assert keys.shape == (classes * min(size, shots), 5) and found.stored == keys.numel()
    features = queries(task)[:6]
    expected = vote_loop(task, features, keys, labels, 2.5, 4.0)
    assert found.logits(features).numpy() == pytest.approx(expected, abs=1e-3)
    assert found.chosen == {"alpha": 2.5, "beta": 4.0} and found.parameters == 0


def test_alpha_is_in_the_unit_of_the_papers_scale(task) -> None:
    """The share of the votes in the logits is the same, whatever cosines are multiplied by."""
    paper, other = replace(task, scale=100.0), replace(task, scale=20.0)
    found = [fit(t, "tip_adapter", alphas=[3], betas=[5]).logits(queries(t)) for t in (paper, other)]
    torch.testing.assert_close(found[0] / 100, found[1] / 20)
    f, (keys, labels) = embed(paper, queries(paper)), cache.image_keys(paper, None)
    votes = cache.affinity(f, keys, 5) @ cache.one_hot(labels, 5)
    torch.testing.assert_close(found[0], zero_shot_logits(paper, f) + 3 * votes)


def test_limits_of_a_cache(task) -> None:
    zero_shot = fit(task, "zero_shot").logits(queries(task))
    assert torch.equal(fit(task, "tip_adapter", alphas=[0]).logits(queries(task)), zero_shot)
    sharp = fit(task, "tip_adapter", alphas=[5], betas=[1e6]).logits(queries(task))
    assert torch.equal(sharp, zero_shot), "no image is one of the cache"
    blunt = fit(task, "tip_adapter", alphas=[5], betas=[0]).logits(queries(task))
    torch.testing.assert_close(blunt, zero_shot + 5 * 0.3 * task.shots)  # every key votes 1


def test_the_sharpest_cache_knows_its_own_images() -> None:
    task = make_task(views=1, noise=4.0)
    train = task.splits.train
    found = fit(task, "tip_adapter", alphas=[1000], betas=[1e4]).logits(train.features[:, 0])
    assert torch.equal(found.argmax(dim=1), train.labels)


def test_as_many_keys_as_shots_are_all(task) -> None:
    for kind in ("tip_adapter", "tip_adapter_f", "xmadapter"):
        whole, sized = fit(task, kind), fit(task, kind, size=task.shots)
        assert torch.equal(whole.logits(queries(task)), sized.logits(queries(task)))
        assert whole.chosen == sized.chosen and whole.stored == sized.stored


def test_the_search_tries_every_point(task) -> None:
    """The best by accuracy, then cross-entropy, then the order of beta, gamma, alpha."""
    params = registry.parse("classifiers", {"kind": "tip_adapter"})
    f, labels = embed(task, queries(task)), task.splits.validation.labels
    keys, owners = cache.image_keys(task, None)
    ranked = []
    for beta in params.betas:
        for alpha in params.alphas:
            votes = cache.affinity(f, keys, beta) @ cache.one_hot(owners, 5)
            logits = zero_shot_logits(task, f) + cache.weight(task, alpha) * votes
            correct = (logits.argmax(dim=1) == labels).sum().item()
            ranked.append(
                (-correct, functional.cross_entropy(logits, labels).item(), len(ranked), alpha, beta)
            )
    *_, alpha, beta = min(ranked)
    assert fit(task, "tip_adapter").chosen == {"alpha": alpha, "beta": beta}


def test_keys_are_trained_with_votes() -> None:
    params = registry.parse("classifiers", {"kind": "tip_adapter_f", "alphas": [0, 1], "betas": [2, 3]})
    assert cache.points(params, votes=True) == [(2, 1, 1), (3, 1, 1)]
    assert cache.points(params, [0.5]) == [(2, 0.5, 0), (2, 0.5, 1), (3, 0.5, 0), (3, 0.5, 1)]
    none = params.model_copy(update={"alphas": [0]})
    assert cache.points(none, votes=True) == [(2, 1, 0), (3, 1, 0)]
