"""Training loops on convolutions with batch norm and a BERT: statistics held, attacks, recomputation."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import nn

from crossmodal.adaptation import methods
from crossmodal.adaptation.trainable import BATCH_NORMALISATION
from crossmodal.attacks.api import attack_images, attack_texts
from crossmodal.models import clip
from crossmodal.models.dual_encoder import encode_images, mean_token_norm, to_pixels
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters, RobustCheck
from crossmodal.training.batches import TrainingSet
from crossmodal.training.gradcache import cached_backward
from crossmodal.training.loop import fit
from crossmodal.training.precision import Precision
from crossmodal.training.robust_validation import robust_recall
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.step import batch_loss, prepare

pytestmark = pytest.mark.slow

IMAGES = {"kind": "pgd_images", "epsilon": 0.05, "steps": 2}
TEXTS = {"kind": "pgd_texts", "epsilon": 0.5, "steps": 2}
BOTH = {"images": IMAGES, "texts": TEXTS}
METHODS = [
    {"kind": "full"}, {"kind": "bitfit"}, {"kind": "lora", "rank": 4}, {"kind": "lora_blocks", "rank": 4},
    {"kind": "adalora", "initial_rank": 4, "target_rank": 2}, {"kind": "adapter", "bottleneck": 8},
]  # fmt: skip
every_method = pytest.mark.parametrize("values", METHODS, ids=lambda v: v["kind"])
WORDS = ["octopus", "hat", "rain", "flag", "red", "two"]


def data(model, seed: int = 0) -> TrainingSet:
    """Return 12 noisy images of six colours, each with two captions."""
    generator = torch.Generator().manual_seed(seed)
    colours = torch.rand(6, 1, 1, 3, generator=torch.Generator().manual_seed(7)).repeat(2, 1, 1, 1)
    images = (255 * colours + 10 * torch.randn(12, 32, 32, 3, generator=generator)).clamp(0, 255)
    captions = [text for word in WORDS * 2 for text in (f"a {word}", f"the {word} of nowhere")]
    return TrainingSet(
        images=images.to(torch.uint8), tokens=clip.tokenize(model, captions).to(torch.int32),
        owners=torch.arange(12).repeat_interleave(2), labels=torch.arange(6).repeat(2),
    )  # fmt: skip


def train(model, values, folder: Path, adversary=None, **changes):
    settings = {"epochs": 2, "batch_size": 6, "learning_rate": 1e-3, "augmentation": None} | changes
    adversary = AdversaryParameters.model_validate(adversary) if adversary else None
    return fit(
        model, data(model), data(model, 1), TrainingParameters.model_validate(settings), 0, adversary,
        folder / "checkpoints", folder / "log.csv", "job", hooks=methods.hooks(values),
    )  # fmt: skip


def statistics(model: nn.Module) -> dict[str, torch.Tensor]:
    return {
        f"{path}.{name}": buffer.clone()
        for path, module in model.named_modules()
        if isinstance(module, BATCH_NORMALISATION)
        for name, buffer in module.named_buffers()
    }


def statistics_modules(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, BATCH_NORMALISATION)]


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def without_dropout(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


@every_method
@pytest.mark.parametrize("chunk", [None, 4])
def test_training_against_an_adversary_moves_no_statistics(towers, params, tmp_path, values, chunk) -> None:
    model, values = towers(), params(**values)
    methods.attach(model, values, seed=0)
    held, before = statistics(model), {k: t.clone() for k, t in methods.state(model, values).items()}
    history = train(model, values, tmp_path, BOTH | {"validation": BOTH}, forward_chunk=chunk)
    assert all(torch.equal(tensor, held[name]) for name, tensor in statistics(model).items())
    assert any(not torch.equal(tensor, before[name]) for name, tensor in methods.state(model, values).items())
    for epoch in history.epochs:
        assert 0 <= epoch.robust_text_to_image <= 1 and 0 <= epoch.robust_image_to_text <= 1


def test_the_attack_meets_the_network_of_the_step(towers, params) -> None:
    """In train() as in eval(): with the statistics of the batch it would be another."""
    model = without_dropout(towers())
    methods.attach(model, params("full"), seed=0)
    batch = data(model)
    pixels, tokens, labels = to_pixels(batch.images[:6]), batch.tokens[:12:2].long(), batch.labels[:6]
    adversary = make_adversary(model, AdversaryParameters.model_validate(BOTH), batch.tokens)
    prepared, losses = [], []
    for training in (True, False):
        model.train(training)
        prepared.append(
            adversary.prepare(model, pixels, tokens, labels, torch.Generator().manual_seed(0), 1.0)
        )
        assert model.training == training
        losses.append(batch_loss(model, prepared[-1], tokens).detach())
    assert torch.equal(prepared[0].pixels, prepared[1].pixels)
    assert torch.equal(prepared[0].delta, prepared[1].delta)
    assert not torch.equal(prepared[0].pixels, pixels)
    torch.testing.assert_close(losses[0], losses[1], atol=1e-6, rtol=0)
    assert not gradients(model)


@pytest.mark.parametrize("held", [True, False], ids=["held", "free"])
def test_an_attack_leaves_statistics_and_modes_as_they_were(towers, params, held) -> None:
    """Bit for bit, in a model in train() with a part of it in eval(), held or not."""
    model = towers()
    if held:
        methods.attach(model, params("lora", rank=4), seed=0)
    model.train()
    next(module for module in model.modules() if isinstance(module, nn.Dropout)).eval()
    statistics_modules(model)[1].eval()
    batch, before = data(model), statistics(model)
    modes = [module.training for module in model.modules()]
    assert any(modes) and not all(modes)
    pixels, tokens, labels = to_pixels(batch.images), batch.tokens[::2].long(), batch.labels
    attack_images(model, pixels, tokens, labels, IMAGES, goal="margin")
    attack_texts(model, pixels, tokens, labels, TEXTS, goal="margin")
    check = RobustCheck.model_validate(BOTH)
    robust_recall(model, batch, check, mean_token_norm(model, tokens), "cpu")
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in statistics(model).items())
    assert before and not gradients(model)


def test_fare_remembers_the_images_of_the_base_model(towers_base, towers, params, tmp_path) -> None:
    model, values = towers(), params("lora", rank=4, towers="image")
    methods.attach(model, values, seed=0)
    fare = {"images": IMAGES, "objective": "fare"}
    adversary = make_adversary(model, AdversaryParameters.model_validate(fare), data(model).tokens)
    train(model, values, tmp_path, fare, learning_rate=1e-2)
    pixels = to_pixels(data(model).images)
    with torch.no_grad():
        expected = encode_images(towers_base, pixels)
        torch.testing.assert_close(adversary.original.encode(model, pixels), expected, atol=1e-6, rtol=0)
        assert not torch.allclose(encode_images(model, pixels), expected, atol=1e-4)


@every_method
def test_chunks_have_the_gradients_of_the_whole_batch(towers, params, values) -> None:
    model = without_dropout(towers())
    methods.attach(model, params(**values), seed=0)
    whole, batch = deepcopy(model).train(), data(model)
    prepared, tokens = prepare(to_pixels(batch.images[:6]), batch.labels[:6]), batch.tokens[:12:2].long()
    batch_loss(whole, prepared, tokens).backward()
    cached_backward(model.train(), prepared, tokens, 4, Precision("off", "cpu"))
    found, expected = gradients(model), gradients(whole)
    assert found.keys() == expected.keys() and expected
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
@pytest.mark.parametrize("values", [*METHODS, {"kind": "coop"}], ids=lambda v: v["kind"])
def test_recomputed_activations_change_nothing(towers, params, tmp_path, values) -> None:
    """A frozen part before a block does not cost the block its gradients, and attacks still get through."""
    states = []
    for active in (False, True):
        model, values_ = towers(), params(**values)
        methods.attach(model, values_, seed=0)
        train(model, values_, tmp_path / str(active), BOTH, activation_checkpointing=active, epochs=1)
        states.append(methods.state(model, values_))
        flags = [getattr(module, "gradient_checkpointing", False) for module in model.modules()]
        assert not any(flags) and not model.visual.trunk.grad_checkpointing
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, atol=1e-5, rtol=1e-4)
