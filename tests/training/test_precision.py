"""Mixed precision and recomputed activations: what changes, and what must not."""

import pytest
import torch

from crossmodal.errors import UserError
from crossmodal.models.dual_encoder import encode_images, to_pixels
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.checkpoint import fingerprint
from crossmodal.training.loop import fit
from crossmodal.training.precision import Precision
from crossmodal.training.settings import TrainingParameters

ADVERSARY = AdversaryParameters.model_validate({"images": {"kind": "pgd_images", "steps": 1}})


def train(model, folder, data, adversary=None, **changes):
    chosen = TrainingParameters.model_validate(
        {"epochs": 2, "batch_size": 8, "learning_rate": 3e-3} | changes
    )
    return fit(
        model, data, None, chosen, 0, adversary, folder / "checkpoints", folder / "log.csv", "job"
    )  # fmt: skip


def test_bfloat16_trains_float32_parameters(tmp_path, tiny_clip, patterns):
    losses = {}
    for name, changes in {
        "plain": {"mixed_precision": "off"},
        "mixed": {"mixed_precision": "bf16"},
        "chunks": {"mixed_precision": "bf16", "forward_chunk": 3},
    }.items():
        model = tiny_clip()
        history = train(model, tmp_path / name, patterns(), epochs=5, augmentation=None, **changes)
        losses[name] = [epoch.loss for epoch in history.epochs]
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert losses["mixed"] != losses["plain"]
    assert losses["plain"][-1] < losses["plain"][0] - 0.1
    for name in ("mixed", "chunks"):
        assert losses[name] == pytest.approx(losses["plain"], abs=0.05)


def test_bfloat16_is_what_the_towers_compute_in_and_attacks_too(tmp_path, tiny_clip, patterns):
    types = set()
    model = tiny_clip()
    model.visual.transformer.resblocks[0].mlp.c_fc.register_forward_hook(
        lambda _module, _args, output: types.add((torch.is_grad_enabled(), output.dtype))
    )
    train(model, tmp_path, patterns(), ADVERSARY, mixed_precision="bf16")
    assert {dtype for _, dtype in types} == {torch.bfloat16}


def test_off_and_auto_are_float32_without_a_gpu():
    for mode in ("off", "auto"):
        precision = Precision(mode, "cpu")
        with precision.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    loss = torch.tensor(2.0)
    assert precision.scaled(loss) is loss and precision.state() == {}
    assert precision.tolerates(1.0) and not precision.tolerates(float("inf"))


def test_float16_without_a_gpu_is_one_line_at_the_start(tmp_path, tiny_clip, patterns):
    model = tiny_clip()
    before = fingerprint(model.state_dict())
    with pytest.raises(UserError, match="fp16 needs a GPU and there is none") as error:
        train(model, tmp_path, patterns(), mixed_precision="fp16")
    assert "\n" not in str(error.value)
    assert fingerprint(model.state_dict()) == before and not (tmp_path / "checkpoints").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_float16_trains_leaves_out_overflows_and_resumes_its_scale(tmp_path, tiny_clip, patterns):
    model = tiny_clip()
    history = train(model, tmp_path / "fp16", patterns(), epochs=8, mixed_precision="fp16")
    assert history.epochs[-1].loss < history.epochs[0].loss - 0.5
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    precision = Precision("fp16", "cuda")
    weight = torch.nn.Parameter(torch.ones(4, device="cuda"))
    optimiser = torch.optim.AdamW([weight], fused=True)
    precision.scaled((weight * torch.inf).sum()).backward()
    precision.unscale(optimiser)
    assert precision.tolerates(float("inf")) and not precision.step(optimiser)
    assert torch.equal(weight.detach(), torch.ones_like(weight))
    other = Precision("fp16", "cuda")
    other.set_state(precision.state())
    assert other.scaler.get_scale() == precision.scaler.get_scale() < 65536


def test_recomputed_activations_have_the_gradients_of_kept_ones(tiny_clip, patterns):
    data, found = patterns(), []
    for active in (False, True):
        model, calls = tiny_clip().train(), []
        model.set_grad_checkpointing(active)
        model.visual.transformer.resblocks[0].register_forward_pre_hook(lambda *_: calls.append(1))  # noqa: B023
        encode_images(model, to_pixels(data.images)).square()[:, 0].sum().backward()
        assert len(calls) == 1 + active
        found.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert fingerprint(found[0]) == fingerprint(found[1])


@pytest.mark.parametrize("adversary", [None, ADVERSARY])
def test_a_run_that_recomputes_ends_with_the_same_weights(tmp_path, tiny_clip, patterns, adversary):
    ends, calls = [], {False: 0, True: 0}
    for active in (False, True):
        model = tiny_clip()

        def count(*_, active=active):
            calls[active] += 1

        model.visual.transformer.resblocks[0].register_forward_pre_hook(count)
        train(model, tmp_path / str(active), patterns(), adversary, activation_checkpointing=active)
        assert not model.visual.transformer.grad_checkpointing and not model.transformer.grad_checkpointing
        ends.append(model.state_dict())
    assert calls[True] > calls[False]
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, atol=1e-6, rtol=1e-5)
