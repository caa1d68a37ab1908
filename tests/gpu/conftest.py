"""What needs a GPU: skipped, with the reason, where there is none."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from open_clip.model import CLIP

from crossmodal.models import clip
from crossmodal.models.scratch_params import CONFIGS
from crossmodal.training.batches import TrainingSet

WORDS = ["octopus", "hat", "rain", "flag", "red", "two"]
TIMM = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "timm_model_name": "test_efficientnet"},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
        "custom_text": True,
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU")
    # Products in float32 are float32 here: what is compared is our code on two devices, not TensorFloat-32.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


@pytest.fixture(scope="session")
def build() -> Callable[[str], CLIP]:
    """Return a function that builds a tiny model with the same random weights each time: `vit` or `timm`."""
    configs = {"vit": clip.read_config(CONFIGS / "vit-nano-32.json"), "timm": TIMM}

    def of(kind: str) -> CLIP:
        torch.manual_seed(0)
        return clip.build_clip(deepcopy(configs[kind]))

    return of


@pytest.fixture(scope="session")
def data() -> Callable[[CLIP], TrainingSet]:
    """Return a function that makes 12 noisy images of six colours, each with two captions, for a model."""

    def of(model: CLIP) -> TrainingSet:
        colours = torch.rand(6, 1, 1, 3, generator=torch.Generator().manual_seed(7)).repeat(2, 1, 1, 1)
        noise = torch.randn(12, 32, 32, 3, generator=torch.Generator().manual_seed(0))
        captions = [text for word in WORDS * 2 for text in (f"a {word}", f"the {word} of nowhere")]
        return TrainingSet(
            images=(255 * colours + 10 * noise).clamp(0, 255).to(torch.uint8),
            tokens=clip.tokenize(model, captions).to(torch.int32),
            owners=torch.arange(12).repeat_interleave(2),
            labels=torch.arange(6).repeat(2),
        )

    return of
