"""A batch encoded in chunks has the loss and the gradients of one that is encoded at once."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.gradcache import cached_backward
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import trainable
from crossmodal.training.precision import Precision
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import batch_loss, prepare

OFF = Precision("off", "cpu")
IMAGES = {"kind": "pgd_images", "steps": 2}
ADVERSARIES = {
    "both": {"images": IMAGES, "texts": {"kind": "pgd_texts", "steps": 2}},
    "fare": {"images": IMAGES, "objective": "fare"},
}


def batch(data, pairs):
    return to_pixels(data.images[:pairs]), data.tokens[: 2 * pairs : 2].long(), data.labels[:pairs]


def gradients(model):
    return {name: p.grad for name, p in trainable(model).items() if p.grad is not None}


def assert_equal(got, expected, tolerance=1e-5):
    assert got.keys() == expected.keys() and expected
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=tolerance, rtol=1e-4)


def chunked_loss(model, prepared, tokens, chunk, precision=OFF):
    """Return the loss of features encoded chunk by chunk, all activations kept: slow in memory, and obvious."""
    images, texts = [], []
    for rows in (slice(first, first + chunk) for first in range(0, len(tokens), chunk)):
        with precision.autocast():
            images.append(encode_images(model, prepared.pixels[rows]))
            texts.append(encode_texts(model, tokens[rows]))
    return prepared.loss(torch.cat(images), torch.cat(texts), logit_scale(model))


@settings(max_examples=8)
@given(pairs=st.integers(2, 24), chunk=st.integers(1, 24), weight=st.sampled_from([1.0, 0.5]))
def test_equals_the_whole_batch(tiny_clip, patterns, pairs, chunk, weight):
    model, (pixels, tokens, labels) = tiny_clip().train(), batch(patterns(), pairs)
    reference = copy.deepcopy(model)
    prepared = prepare(pixels, labels)
    expected = batch_loss(reference, prepared, tokens)
    (weight * expected).backward()
    loss = cached_backward(model, prepared, tokens, chunk, OFF, weight)
    torch.testing.assert_close(loss, expected.detach(), atol=1e-5, rtol=0)
    assert not loss.requires_grad
    assert_equal(gradients(model), gradients(reference))


@pytest.mark.parametrize("name", ADVERSARIES)
def test_equals_the_whole_batch_under_attack(tiny_clip, patterns, name):
    model, reference = tiny_clip().train(), tiny_clip().train()
    pixels, tokens, labels = batch(patterns(), 12)
    adversary = make_adversary(model, AdversaryParameters.model_validate(ADVERSARIES[name]), tokens)
    prepared = adversary.prepare(model, pixels, tokens, labels, torch.Generator().manual_seed(0), 1.0)
    assert not torch.equal(prepared.pixels, pixels)
    expected = batch_loss(reference, prepared, tokens)
    expected.backward()
    loss = cached_backward(model, prepared, tokens, 5, OFF)
    torch.testing.assert_close(loss, expected.detach(), atol=1e-5, rtol=0)
    assert_equal(gradients(model), gradients(reference))


@pytest.mark.parametrize("mode", ["off", "bf16"])
def test_draws_are_repeated_and_go_on_behind_them(tiny_clip, patterns, mode):
    model = tiny_clip(patch_dropout=0.5).train()
    reference, precision = copy.deepcopy(model), Precision(mode, "cpu")
    pixels, tokens, labels = batch(patterns(), 12)
    prepared = prepare(pixels, labels)
    torch.manual_seed(1)
    expected = chunked_loss(reference, prepared, tokens, 4, precision)
    expected.backward()
    after = torch.get_rng_state()
    torch.manual_seed(1)
    loss = cached_backward(model, prepared, tokens, 4, precision)
    assert torch.equal(torch.get_rng_state(), after)
    torch.testing.assert_close(loss, expected.detach(), atol=1e-5, rtol=0)
    assert_equal(gradients(model), gradients(reference), 1e-5 if mode == "off" else 1e-3)
    torch.manual_seed(2)
    assert float(cached_backward(model, prepared, tokens, 4, precision)) != float(loss)


def test_a_frozen_tower_has_no_gradient(tiny_clip, patterns):
    model, reference = tiny_clip(), tiny_clip()
    for each in (model, reference):
        each.visual.requires_grad_(False)
    pixels, tokens, labels = batch(patterns(), 12)
    prepared = prepare(pixels, labels)
    batch_loss(reference, prepared, tokens).backward()
    cached_backward(model, prepared, tokens, 5, OFF)
    assert_equal(gradients(model), gradients(reference))


class _Normed(nn.Module):
    """An image tower with batch norm."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 32, 16), nn.BatchNorm2d(32), nn.Flatten())

    def forward(self, pixels):
        return self.layers(pixels)


def test_running_statistics_are_updated_once_a_chunk(tiny_clip, patterns):
    model = tiny_clip()
    model.visual = _Normed()
    model.train()
    reference = copy.deepcopy(model)
    pixels, tokens, labels = batch(patterns(), 12)
    prepared = prepare(pixels, labels)
    chunked_loss(reference, prepared, tokens, 4).backward()
    cached_backward(model, prepared, tokens, 4, OFF)
    assert int(model.visual.layers[1].num_batches_tracked) == 3
    assert fingerprint(dict(model.named_buffers())) == fingerprint(dict(reference.named_buffers()))
    assert_equal(gradients(model), gradients(reference))


def test_a_run_in_chunks_ends_with_the_same_weights(tmp_path, tiny_clip, patterns):
    ends = []
    for chunk in (None, 3):
        model = tiny_clip()
        chosen = TrainingParameters(epochs=2, batch_size=8, forward_chunk=chunk, gradient_accumulation=2)
        folder = tmp_path / str(chunk)
        fit(model, patterns(), None, chosen, 0, None, folder / "checkpoints", folder / "log", "job")
        ends.append(model.state_dict())
    assert fingerprint(ends[0]) != fingerprint(ends[1]), "the second one went another way"
    assert_equal(*ends, tolerance=1e-4)
