"""XMAdapter: the limits in which it is Tip-Adapter, the weights of hard images, its caches written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from crossmodal import registry
from crossmodal.classifiers import cache, xmadapter
from crossmodal.classifiers.base import embed, zero_shot_logits
from few_shot_tasks import fit, make_task, queries


def parts_of(task, values, monkeypatch):
    """Return the caches that a fit trained, and what it returned."""
    seen = []
    make = xmadapter.TwoCaches

    def keep(*args):
        seen.append(make(*args))
        return seen[-1]

    monkeypatch.setattr(xmadapter, "TwoCaches", keep)
    found = fit(task, "xmadapter", **values)
    return seen[0], found


@settings(max_examples=10)
@given(
    st.integers(0, 50), st.integers(2, 6), st.integers(1, 5), st.integers(1, 3), st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 9),
)  # fmt: skip
def test_images_alone_and_all_alike_are_tip_adapter_f(seed, classes, shots, views, size, batch_size) -> None:
    """To the bit: keys, losses, choices; the networks' random weights change no batch."""
    task = make_task(classes, shots, views, seed=seed)
    more = {"size": size, "batch_size": batch_size, "epochs": 4, "learning_rate": 0.01}
    tip = fit(task, "tip_adapter_f", seed, **more)
    both = fit(task, "xmadapter", seed, gamma=1, hardness=0, **more)
    assert both.losses == tip.losses and len(tip.losses) == 4
    assert torch.equal(both.logits(queries(task)), tip.logits(queries(task)))
    assert both.chosen == tip.chosen | {"gamma": 1}
    assert (both.parameters, both.stored) == (tip.parameters, tip.stored)


def test_untrained_images_alone_are_tip_adapter(task) -> None:
    tip, both = fit(task, "tip_adapter"), fit(task, "xmadapter", gamma=1, epochs=0)
    assert torch.equal(both.logits(queries(task)), tip.logits(queries(task)))
    assert both.chosen == tip.chosen | {"gamma": 1, "epoch": 0}
    also = fit(task, "tip_adapter_f", epochs=0)
    assert torch.equal(also.logits(queries(task)), tip.logits(queries(task)))


def test_hardness_matters_as_soon_as_it_is_there(task) -> None:
    plain, hard = (
        fit(task, "xmadapter", gamma=1, hardness=h, epochs=3, alphas=[5], betas=[4]) for h in (0, 50)
    )
    assert plain.losses[0] != hard.losses[0]


def test_hard_images_weigh_more() -> None:
    generator = torch.Generator().manual_seed(2)
    image, text = (torch.rand(6, 9, generator=generator, requires_grad=True) for _ in range(2))
    assert torch.equal(xmadapter.hard_weights(image, text, 0), torch.ones(6))
    for hardness in (0.1, 1.0, 30.0):
        found = xmadapter.hard_weights(image, text, hardness)
        assert not found.requires_grad
        apart = [
            sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 9
            for a, b in zip(image.tolist(), text.tolist(), strict=True)
        ]
        expected = [1 + hardness * own / np.mean(apart) for own in apart]
        assert found.numpy() == pytest.approx(np.array(expected) / np.mean(expected), rel=1e-5)
        assert float(found.mean()) == pytest.approx(1)


def test_what_hardness_does_depends_on_no_scale() -> None:
    """The caches differ by hundredths as often as by tenths; and where they are equal all images are alike."""
    image, text = torch.rand(2, 6, 9, generator=torch.Generator().manual_seed(5))
    own = xmadapter.hard_weights(image, text, 3.0)
    torch.testing.assert_close(xmadapter.hard_weights(image / 64, text / 64, 3.0), own)
    assert own.std() > 0.05
    assert torch.equal(xmadapter.hard_weights(image, image, 3.0), torch.ones(6))


@pytest.mark.parametrize("kind", ["tip_adapter_f", "xmadapter"])
def test_a_cache_is_trained_where_it_is_told(task, kind) -> None:
    """At the one point that may be chosen or at the same point given; and then answers where it is best."""
    one = {"alphas": [5], "betas": [4], "epochs": 3}
    given = fit(task, kind, trained_at={"alpha": 5, "beta": 4}, **one)
    assert given.losses == fit(task, kind, **one).losses
    free = fit(task, kind, trained_at={"alpha": 5, "beta": 4}, epochs=3)
    assert free.losses == given.losses and (free.chosen["alpha"], free.chosen["beta"]) != (5, 4)


def test_a_chosen_gamma_is_chosen_after_both_caches_were_trained_alike(task) -> None:
    at = {"trained_at": {"alpha": 5, "beta": 4}, "epochs": 3}
    half, chosen = (fit(task, "xmadapter", gamma=gamma, **at) for gamma in (0.5, "chosen"))
    assert chosen.losses == half.losses


def test_the_text_cache_learns_where_texts_say_nothing() -> None:
    task = make_task(noise=0.5)
    blind = replace(task, texts=task.texts.roll(1, dims=0))
    right = task.splits.validation.labels
    f = task.splits.validation.features[:, 0]
    at = {"trained_at": {"alpha": 100, "beta": 1}, "epochs": 60, "learning_rate": 0.02, "reduction": 1}
    found = fit(blind, "xmadapter", gamma=0, **at).logits(f).argmax(dim=1)
    zero_shot = fit(blind, "zero_shot").logits(f).argmax(dim=1)
    assert (found == right).float().mean() > (zero_shot == right).float().mean() + 0.3


def test_the_text_cache_starts_as_the_classes_themselves(task) -> None:
    params = registry.parse("classifiers", {"kind": "xmadapter"})
    caches = xmadapter.TwoCaches(task, params, torch.Generator().manual_seed(0))
    f, labels = embed(task, queries(task)), task.splits.train.labels
    with torch.no_grad():
        image, text = caches.affinities(f, 3.0)
    torch.testing.assert_close(caches.text_keys(), task.texts[labels])
    torch.testing.assert_close(text, torch.exp(-3 * (1 - f @ task.texts[labels].T)))
    torch.testing.assert_close(image, cache.affinity(f, cache.image_keys(task, None)[0], 3.0))


def test_texts_alone_untrained_change_no_order(task) -> None:
    """Each class has as many votes, and they rise with the cosine that zero-shot goes by."""
    zero_shot = fit(task, "zero_shot").logits(queries(task)).argmax(dim=1)
    texts = fit(task, "xmadapter", gamma=0, epochs=0, alphas=[7]).logits(queries(task)).argmax(dim=1)
    assert torch.equal(texts, zero_shot)


@pytest.mark.parametrize("gamma", ["learnt", "chosen", 0.25, 0, 1])
def test_written_out(task, monkeypatch, gamma) -> None:
    """One query after another, from the trained keys and networks."""
    values = {"gamma": gamma, "epochs": 5, "learning_rate": 0.02, "alphas": [4], "betas": [3]}
    drawn, network = torch.Generator().manual_seed(4), xmadapter._network

    def not_zero(*arguments):
        made = network(*arguments)
        with torch.no_grad():
            made[2].weight.normal_(std=0.3, generator=drawn)  # whatever epoch is kept
        return made

    monkeypatch.setattr(xmadapter, "_network", not_zero)
    caches, found = parts_of(task, values, monkeypatch)
    share = found.chosen["gamma"]
    with torch.no_grad():
        text_keys = functional.normalize(
            torch.stack(
                [
                    task.texts[label] + caches.meta(key)
                    for key, label in zip(caches.start, task.splits.train.labels, strict=True)
                ]
            ),
            dim=1,
        )
        for feature, row in zip(queries(task), found.logits(queries(task)), strict=True):
            f = embed(task, feature)
            asked = functional.normalize(f + caches.image_to_text(f), dim=0)
            expected = zero_shot_logits(task, f)
            for k, label in enumerate(task.splits.train.labels.tolist()):
                image = torch.exp(-3 * (1 - f @ caches.image_keys[k]))
                text = torch.exp(-3 * (1 - asked @ text_keys[k]))
                expected[label] += 4 * task.scale / 100 * (share * image + (1 - share) * text)
            torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("gamma", ["learnt", "chosen", 0.25, 0, 1])
def test_what_trains_is_what_counts(monkeypatch, gamma) -> None:
    task = make_task(noise=3.0)
    values = {"gamma": gamma, "learning_rate": 0.01, "gammas": [0.5], "alphas": [5], "betas": [2]}
    caches, found = parts_of(task, values | {"epochs": 20}, monkeypatch)
    _, start = parts_of(task, values | {"epochs": 0}, monkeypatch)
    assert found.losses[-1] < found.losses[0]
    keys, hidden = 20 * 16, 1  # 16 / 16
    network = 2 * 16 * hidden + hidden + 16
    expected = {"learnt": keys + 2 * network + 1, 0: 2 * network, 1: keys}
    assert found.parameters == start.parameters == expected.get(gamma, keys + 2 * network)
    assert found.stored == {1: keys, 0: keys + network}.get(gamma, 2 * keys + network)
    if found.chosen["epoch"]:
        assert torch.equal(caches.image_keys, caches.start) == (gamma == 0)
        assert bool(caches.meta[2].weight.any()) == (gamma != 1)
    assert (found.chosen["gamma"] != 0.5) == (gamma in ("learnt", 0.25, 0, 1))


def test_gamma_is_learnt_towards_what_helps() -> None:
    """Texts that say nothing lose their share."""
    task = make_task(classes=6, shots=8, noise=1.0)
    mute = torch.randn(task.texts.shape, generator=torch.Generator().manual_seed(1))
    values = {"epochs": 30, "alphas": [5], "betas": [3], "learning_rate": 1e-4, "batch_size": 8}
    found = fit(replace(task, texts=functional.normalize(mute, dim=1)), "xmadapter", **values)
    assert found.chosen["gamma"] > 0.55
    still = {"gamma_learning_rate": 1e-9, "hardness": 0} | values
    assert fit(task, "xmadapter", **still).chosen["gamma"] == pytest.approx(0.5, abs=1e-5)


def test_gamma_is_chosen_of_what_is_offered(task) -> None:
    found = fit(task, "xmadapter", gamma="chosen", gammas=[0.2, 0.7], epochs=0)
    one, other = (fit(task, "xmadapter", gamma=g, epochs=0) for g in (0.2, 0.7))
    labels = task.splits.validation.labels

    def correct(fitted):
        return (fitted.logits(queries(task)).argmax(dim=1) == labels).sum()

    assert correct(found) == max(correct(one), correct(other))
    assert found.chosen["gamma"] in (0.2, 0.7)
