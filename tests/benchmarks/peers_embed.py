"""Embedding with open_clip in a loop and with clip-retrieval: runs in their environment (peers_embed.txt)."""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from peers_embedding import Embedder, EmbeddingProcess, Settings
from peers_protocol import serve
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    """The files of a folder, as open_clip's own preprocessing makes them."""

    def __init__(self, folder: Path, preprocess: Callable[[Any], torch.Tensor]) -> None:
        self.paths, self.preprocess = sorted(folder.iterdir()), preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[number]))


def load(model: Path) -> tuple[Any, Any]:
    """Return the model in `model`, open_clip's folder, and its preprocessing."""
    loaded, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model}")
    return loaded.eval(), preprocess


def loop(model: Path, settings: Settings, workers: int) -> Embedder:
    """Return the loop of open_clip's README over a DataLoader with `workers` processes; 0 for none."""
    loaded, preprocess = load(model)

    def embed(folder: Path, out: Path) -> None:
        pictures = Pictures(folder, preprocess)
        vectors = []
        with torch.no_grad():
            for batch in DataLoader(pictures, settings.batch_size, num_workers=workers):
                features = loaded.encode_image(batch)
                features /= features.norm(dim=-1, keepdim=True)
                vectors.append(features.half().numpy())
        np.save(out / "vectors.npy", np.concatenate(vectors))
        (out / "names.json").write_text(json.dumps([path.name for path in pictures.paths]))

    return embed


def clip_retrieval(model: Path, settings: Settings) -> Embedder:
    """Return clip-retrieval's inference worker, to which the model is given in place of the one it would load.

    Its own loading knows names of published models, and no folder with a preprocessing of its own.
    """
    worker = importlib.import_module("clip_retrieval.clip_inference.worker")
    worker = sys.modules["clip_retrieval.clip_inference.worker"]  # a function of that name hides the module
    loaded, preprocess = load(model)
    for module in ("worker", "mapper"):
        given = lambda **_: (loaded, preprocess, None)  # noqa: E731
        sys.modules[f"clip_retrieval.clip_inference.{module}"].load_clip = given  # type: ignore[attr-defined]

    def embed(folder: Path, out: Path) -> None:
        worker.worker(
            [0], str(folder), str(out), 1, batch_size=settings.batch_size, enable_text=False, use_jit=False
        )

    return embed


def build(name: str) -> Callable[[Path, Settings], Embedder]:
    systems: dict[str, Callable[[Path, Settings], Embedder]] = {
        "open_clip, plain loop": lambda model, settings: loop(model, settings, 0),
        "open_clip, DataLoader": lambda model, settings: loop(model, settings, os.cpu_count() or 1),
        "clip-retrieval": clip_retrieval,
    }
    return systems[name]


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    serve(EmbeddingProcess(build(sys.argv[1])))
