"""FARE: the distance to the embeddings before training, and whom it moves."""

from copy import deepcopy

import pytest
import torch

from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.models.dual_encoder import encode_images, to_pixels
from crossmodal.registry import parse
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.fare import FareAdversary, OriginalImages, distances
from crossmodal.training.loop import fit
from crossmodal.training.optimiser import trainable
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import batch_loss

PGD = {"kind": "pgd_images", "epsilon": 0.05, "steps": 3}


def fare(**changes):
    values = {"objective": "fare", "images": PGD, "clean_share": 0.0}
    return AdversaryParameters.model_validate(values | changes)


def loss(model, adversary, batch, progress=1.0):
    generator = torch.Generator().manual_seed(0)
    return batch_loss(model, adversary.prepare(model, *batch, generator, progress), batch[1])


@pytest.fixture
def batch(patterns):
    data = patterns()
    return to_pixels(data.images[:8]), data.tokens[:16:2].long(), data.labels[:8]


def test_an_unchanged_model_without_a_ball_has_no_loss(tiny_clip, batch):
    model = tiny_clip()
    adversary = make_adversary(model, fare(images=PGD | {"epsilon": 0.0}), batch[1])
    assert isinstance(adversary, FareAdversary)
    warming = make_adversary(model, fare(epsilon_warmup_share=0.5), batch[1])
    clean = make_adversary(model, fare(clean_share=1.0), batch[1])
    with torch.no_grad():
        found = [
            loss(model, adversary, batch), loss(model, warming, batch, progress=0.0), loss(model, clean, batch)
        ]  # fmt: skip
    assert [float(value) for value in found] == pytest.approx([0.0] * 3, abs=1e-10)


def test_the_attack_makes_the_distance_grow_beyond_that_of_noise(tiny_clip, batch):
    model = tiny_clip()
    attacked = float(loss(model, make_adversary(model, fare(), batch[1]), batch).detach())
    noise = 0.1 * torch.rand(batch[0].shape, generator=torch.Generator().manual_seed(0)) - 0.05
    with torch.no_grad():
        clean = encode_images(model, batch[0])
        moved = encode_images(model, (batch[0] + noise).clamp(0, 1))
    assert attacked > 2 * float(distances(moved, clean).mean())
    half = float(loss(model, make_adversary(model, fare(clean_share=0.5), batch[1]), batch).detach())
    assert 0 < half < attacked


def test_the_pixels_stay_in_the_ball_and_the_captions_clean(tiny_clip, batch):
    model = tiny_clip().train()
    ready = make_adversary(model, fare(clean_share=0.25), batch[1]).prepare(
        model, *batch, torch.Generator().manual_seed(0), 1.0
    )
    assert ready.delta is None and model.training
    assert float((ready.pixels - batch[0]).abs().max()) <= 0.05 + 1e-6
    assert (ready.pixels != batch[0]).flatten(1).any(1).tolist() == [True] * 6 + [False] * 2
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("kind", ["full", "lora", "adapter", "vpt"])
def test_the_original_is_what_a_copy_of_the_model_would_be(tiny_clip, batch, kind):
    """However the model is trained afterwards; the slow way is a frozen deep copy."""
    model = tiny_clip()
    methods.attach(model, parse("adaptation", {"kind": kind}), 0)
    original, copy = OriginalImages(model), deepcopy(model).eval().requires_grad_(False)
    optimiser = torch.optim.SGD(trainable(model).values(), lr=0.1)
    model.train()
    for _ in range(3):
        optimiser.zero_grad()
        encode_images(model, batch[0]).square()[:, :4].sum().backward()
        optimiser.step()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = original.encode(model, batch[0])
    assert torch.equal(found, encode_images(copy, batch[0])) and not found.requires_grad
    assert not torch.allclose(found, encode_images(model, batch[0]), atol=1e-3)
    assert model.training and all(torch.equal(state[n], t) for n, t in model.state_dict().items())


def test_the_gradient_goes_to_what_is_trained_of_the_image_tower(tiny_clip, batch):
    model = tiny_clip()
    methods.attach(model, parse("adaptation", {"kind": "lora"}), 0)
    loss(model, make_adversary(model, fare(), batch[1]), batch).backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient and all(name.startswith("visual.") for name in with_gradient)
    assert with_gradient == {name for name in trainable(model) if name.startswith("visual.")}


def test_a_method_that_leaves_the_image_tower_alone_is_an_error(batch, tiny_clip):
    model = tiny_clip()
    for parameter in model.visual.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(UserError, match="of which this method trains nothing") as error:
        make_adversary(model, fare(), batch[1])
    assert "\n" not in str(error.value)


def test_training_keeps_attacked_images_where_the_clean_ones_were(tmp_path, tiny_clip, patterns, batch):
    model = tiny_clip()
    adversary = make_adversary(model, fare(), batch[1])
    before = float(loss(model, adversary, batch).detach())
    texts = {name: t.clone() for name, t in model.state_dict().items() if not name.startswith("visual.")}
    settings = TrainingParameters(epochs=5, batch_size=8, learning_rate=1e-3, augmentation=None)
    fit(model, patterns(), None, settings, 0, fare(), tmp_path / "checkpoints", tmp_path / "log.csv", "job")
    assert float(loss(model, adversary, batch).detach()) < 0.8 * before
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in texts.items())


def test_a_resumed_run_still_knows_the_original(tmp_path, tiny_clip, patterns):
    """Cut off after an epoch and resumed, it ends with the same weights."""

    class Cut(Exception):
        pass

    def cut(epoch):
        if epoch.epoch == 1:
            raise Cut

    settings, results = TrainingParameters(epochs=2, batch_size=12), []
    for name, stop in (("whole", None), ("cut", cut)):
        model, folder = tiny_clip(), tmp_path / name
        args = patterns(), None, settings, 0, fare(), folder / "checkpoints", folder / "log.csv", "job"
        try:
            fit(model, *args, stop)
        except Cut:
            model = tiny_clip()
            fit(model, *args)
        results.append(model.state_dict())
    assert all(torch.equal(tensor, results[1][name]) for name, tensor in results[0].items())
