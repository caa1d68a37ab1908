"""A step on a GPU is that step on a CPU: of every method, against an adversary, in chunks, in half precision."""

from pathlib import Path
from typing import Any

import pytest
import torch

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.training.adversary_settings import AdversaryParameters
from crossmodal.training.optimiser import trainable
from crossmodal.training.settings import TrainingParameters
from crossmodal.training.trainer import Trainer

METHODS = {
    "vit": [
        {"kind": "full"}, {"kind": "linear"}, {"kind": "bitfit"}, {"kind": "lora", "rank": 4},
        {"kind": "lora_blocks", "rank": 4}, {"kind": "adalora", "initial_rank": 4, "target_rank": 2},
        {"kind": "adapter", "bottleneck": 8}, {"kind": "coop"}, {"kind": "vpt", "depth": "deep"},
        {"kind": "maple"}, {"kind": "cocoop"},
    ],
    "timm": [{"kind": "full"}, {"kind": "lora", "rank": 4}, {"kind": "adapter", "bottleneck": 8}],
}  # fmt: skip
CASES = [(model, method) for model, own in METHODS.items() for method in own]
IMAGES = {"kind": "pgd_images", "epsilon": 0.05, "steps": 2, "random_start": False}
TEXTS = {"kind": "pgd_texts", "epsilon": 0.5, "steps": 2, "random_start": False}
SMALL = 1e-4
"""A first step of AdamW is the sign of a gradient: gradients are compared, not weights."""
SCALE = 256.0
"""Of the loss in float16."""


def trainer(
    model: Any, values: dict[str, Any], train: Any, device: str, adversary: Any = None, **changes: Any
):
    method = registry.parse("adaptation", values)
    methods.attach(model, method, seed=0)
    settings = {"epochs": 1, "batch_size": 12, "augmentation": None, "mixed_precision": "off"} | changes
    against = AdversaryParameters.model_validate(adversary) if adversary else None
    return Trainer(
        model.to(device), train, TrainingParameters.model_validate(settings), 0, device, against,
        methods.hooks(method), Path(),
    )  # fmt: skip


def outcome(build: Any, data: Any, kind: str, values: dict[str, Any], device: str, **changes: Any):
    """Return the loss of one step on all images, and the gradients that it leaves, on the CPU."""
    model = build(kind)
    train = data(model)
    made = trainer(model, values, train, device, **changes)
    if made.precision.scaler:
        # The scale that training begins with may overflow at first, and then the step is left out.
        made.precision.set_state({"scale": torch.tensor(SCALE), "_growth_tracker": torch.tensor(0.0)})
    kept: dict[str, torch.Tensor] = {}
    made.optimiser.register_step_pre_hook(
        lambda *_: kept.update({n: p.grad.cpu() for n, p in trainable(model).items() if p.grad is not None})
    )
    epoch = made.train_epoch(1)
    assert all(p.device.type == device for p in model.parameters())
    return epoch.loss, kept


def assert_alike(got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], tolerance: float) -> None:
    assert got.keys() == expected.keys() and expected
    largest = max(float(tensor.abs().max()) for tensor in expected.values())
    for name, tensor in expected.items():
        assert float((got[name] - tensor).abs().max()) <= tolerance * largest, name


@pytest.mark.parametrize(("kind", "values"), CASES, ids=lambda v: v if isinstance(v, str) else v["kind"])
def test_a_step_of_every_method_is_that_of_the_cpu(build: Any, data: Any, kind: str, values: dict) -> None:
    loss, gradients = outcome(build, data, kind, values, "cuda")
    expected, reference = outcome(build, data, kind, values, "cpu")
    assert loss == pytest.approx(expected, abs=SMALL)
    assert_alike(gradients, reference, 1e-3)


@pytest.mark.parametrize("sides", [{"images": IMAGES}, {"texts": TEXTS}, {"images": IMAGES, "texts": TEXTS}])
def test_a_step_against_an_adversary_is_that_of_the_cpu(build: Any, data: Any, sides: dict) -> None:
    values = {"kind": "lora", "rank": 4}
    loss, gradients = outcome(build, data, "vit", values, "cuda", adversary=sides)
    expected, reference = outcome(build, data, "vit", values, "cpu", adversary=sides)
    assert loss == pytest.approx(expected, abs=1e-3)  # the sign of a gradient near 0 may differ
    assert_alike(gradients, reference, 2e-2)


@pytest.mark.parametrize("adversary", [None, {"images": IMAGES}])
def test_a_batch_in_chunks_has_the_gradients_of_the_whole(
    build: Any, data: Any, adversary: dict | None
) -> None:
    values = {"kind": "full"}
    loss, gradients = outcome(build, data, "vit", values, "cuda", adversary=adversary, forward_chunk=5)
    expected, reference = outcome(build, data, "vit", values, "cuda", adversary=adversary)
    assert loss == pytest.approx(expected, abs=SMALL)
    assert_alike(gradients, reference, 1e-3)


@pytest.mark.parametrize("kind", ["vit", "timm"])
@pytest.mark.parametrize(("mode", "tolerance"), [("bf16", 0.1), ("fp16", 0.02)])
def test_half_precision_comes_close_and_keeps_float32_parameters(
    build: Any, data: Any, kind: str, mode: str, tolerance: float
) -> None:
    """fp16 with a scaled loss, whose gradients are compared after they were scaled back."""
    if mode == "bf16" and not torch.cuda.is_bf16_supported():
        pytest.skip("this GPU has no bfloat16")
    loss, gradients = outcome(build, data, kind, {"kind": "full"}, "cuda", mixed_precision=mode)
    expected, reference = outcome(build, data, kind, {"kind": "full"}, "cpu")
    assert loss == pytest.approx(expected, abs=tolerance)
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
    cosines = [
        float(torch.nn.functional.cosine_similarity(gradients[name].flatten(), one.flatten(), dim=0))
        for name, one in reference.items()
        if one.abs().max() > 1e-3
    ]
    assert cosines and min(cosines) > 0.9


def test_a_step_whose_gradients_overflow_leaves_the_parameters_and_lowers_the_scale(
    build: Any, data: Any
) -> None:
    model = build("vit")
    made = trainer(model, {"kind": "full"}, data(model), "cuda", mixed_precision="fp16")
    made.precision.set_state({"scale": torch.tensor(2.0**60), "_growth_tracker": torch.tensor(0.0)})
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    made.train_epoch(1)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert made.precision.state()["scale"] == 2.0**59


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_processes_on_two_gpus_do_what_one_does(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = Path(__file__).parents[1] / "training" / "shared_batches.py"
    processes = [
        subprocess.Popen([sys.executable, str(script), str(rank), str(tmp_path / "store"), str(tmp_path)])
        for rank in range(2)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    assert list(tmp_path.glob("*.safetensors"))
