from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP

from crossmodal.models import scratch
from crossmodal.models.scratch_params import Params


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small matrices on several threads are many times slower beside another busy process."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def nano() -> CLIP:
    """A tiny CLIP with random weights; no test changes it."""
    return scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)


@pytest.fixture
def folder(nano: CLIP, tmp_path: Path) -> Path:
    """The tiny CLIP as open_clip names its files."""
    from crossmodal.models import clip

    clip.save_clip(nano, tmp_path / "open_clip_config.json", tmp_path / "open_clip_model.safetensors")
    return tmp_path
