"""What a system of a benchmark of embedding is, and the process that measures one. Needs NumPy and pandas."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

Embedder = Callable[[Path, Path], None]
"""Embeds the images of a folder into another: clip-retrieval's layout, or vectors.npy beside names.json."""


@dataclass(frozen=True)
class Settings:
    """What all systems are told."""

    batch_size: int


class EmbeddingProcess:
    """A system with its model loaded, which embeds folders."""

    def __init__(self, build: Callable[[Path, Settings], Embedder]) -> None:
        self.build = build

    def open(self, model: str, batch_size: int) -> dict[str, Any]:
        self.embed = self.build(Path(model), Settings(batch_size))
        return {}

    def run(self, images: str, out: str) -> dict[str, Any]:
        """Embed a folder, from the files to the file; s."""
        folder = Path(out)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = perf_counter()
        self.embed(Path(images), folder)
        return {"seconds": perf_counter() - began}


def read_vectors(folder: Path) -> dict[str, np.ndarray]:
    """Return the vectors float32 [d] that a system has written, of unit length, by the image's file name."""
    import pandas as pd

    if (folder / "names.json").exists():
        names = json.loads((folder / "names.json").read_text())
        vectors = np.load(folder / "vectors.npy")
    else:
        [array], [table] = folder.glob("img_emb/*.npy"), folder.glob("metadata/*.parquet")
        vectors = np.load(array)
        rows = pd.read_parquet(table)  # ours has a column of ids beside, since links lead elsewhere
        names = [Path(path).name for path in rows["image_id" if "image_id" in rows else "image_path"]]
    vectors = vectors.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip(names, vectors, strict=True))
