from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from open_clip.model import CLIP
from torch import Tensor
from torch.nn import functional

from crossmodal import registry
from crossmodal.models import clip, dual_encoder
from crossmodal.models.scratch_params import CONFIGS
from crossmodal.updates import methods
from crossmodal.updates.masks import Masks

WIDTH = 64
"""Of the tiny transformer: two layers of it, its MLPs four times as wide."""
TEXT = {"width": 32, "heads": 2, "layers": 1, "context_length": 8}


def _build(vision: dict[str, object]) -> CLIP:
    config = clip.read_config(CONFIGS / "vit-nano-32.json")
    config["model_cfg"] = {"embed_dim": 24, "vision_cfg": vision | {"image_size": 32}, "text_cfg": TEXT}
    if "timm_model_name" in vision:
        config["model_cfg"]["custom_text"] = True
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return clip.build_clip(config).eval()


@pytest.fixture(scope="session")
def bases() -> dict[str, CLIP]:
    """Tiny models with an image tower of each kind; no test changes them."""
    torch.set_num_threads(1)
    vit = {"layers": 2, "width": WIDTH, "head_width": 16, "patch_size": 16}
    timm = {"timm_pool": "avg", "timm_proj": "linear"}
    return {
        "torch": _build(vit),
        "open_clip": _build(vit | {"block_type": "custom"}),
        "timm": _build({"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"}),
        "convolutions": _build({"timm_model_name": "test_efficientnet", **timm}),
    }


@pytest.fixture
def fresh(bases: dict[str, CLIP]) -> Callable[..., CLIP]:
    """Returns a copy of a tiny model that the test may change."""
    return lambda kind="torch": deepcopy(bases[kind])


@pytest.fixture(scope="session")
def params() -> Callable[..., object]:
    """Returns the parameters of an update."""
    return lambda kind, **values: registry.parse("updates", {"kind": kind, **values})


def loss_of(model: CLIP) -> Tensor:
    """The loss of six fixed images of three classes."""
    generator = torch.Generator().manual_seed(1)
    images = dual_encoder.encode_images(model, torch.rand(6, 3, 32, 32, generator=generator))
    classes = dual_encoder.encode_texts(model, clip.tokenize(model, ["a hat", "a cat", "a bat"]))
    return functional.cross_entropy(10 * images @ classes.T, torch.arange(6) % 3)


@pytest.fixture(scope="session")
def attach() -> Callable[..., Masks]:
    """Puts an update on a model, with the gradients of the six images."""

    def put(model: CLIP, params: object, towers: str = "image", seed: int = 3) -> Masks:
        gradients = methods.mean_gradients(model, towers, [(6, lambda: loss_of(model))])
        return methods.attach(model, params, towers, gradients, seed)

    return put


@pytest.fixture(scope="session")
def train() -> Callable[[CLIP, Masks], None]:
    """Trains a model for three steps, with weight decay that moves all that may move."""

    def steps(model: CLIP, masks: Masks) -> None:
        model.train()
        trained = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0.5) if trained else None
        for _ in range(3 if optimiser else 0):
            optimiser.zero_grad()
            loss_of(model).backward()
            optimiser.step()
            masks.hold()
        model.eval()

    return steps


@pytest.fixture
def updated(fresh: Callable[..., CLIP], attach: Callable[..., Masks], train: Callable[..., None]):
    """Returns a model after an update, merged."""

    def model_after(params: object, kind: str = "torch", towers: str = "image", seed: int = 3) -> CLIP:
        model = fresh(kind)
        train(model, attach(model, params, towers, seed))
        methods.merge(model)
        return model

    return model_after
