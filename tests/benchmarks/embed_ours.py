"""Embedding as `crossmodal embed` does it: runs in the project's environment."""

import os
from pathlib import Path

import torch
from peers_embedding import Embedder, EmbeddingProcess, Settings
from peers_protocol import serve

from crossmodal.commands.chosen_model import ChosenModel
from crossmodal.commands.embedding import EmbedSettings, embed_pictures
from crossmodal.commands.picture_source import open_pictures
from crossmodal.search.formats.open_vectors import load_layout


def ours(model: Path, settings: Settings) -> Embedder:
    """Return the export with the command's own defaults, into clip-retrieval's layout."""
    loaded, layout = ChosenModel(str(model), None).load(), load_layout("clip-retrieval")
    workers = max(2, (os.cpu_count() or 2) // 2)
    chosen = EmbedSettings(settings.batch_size, workers, captions=False)

    def embed(folder: Path, out: Path) -> None:
        embed_pictures(
            loaded, open_pictures(folder), chosen, lambda shard: layout.write_shard(out, shard, {})
        )

    return embed


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    serve(EmbeddingProcess(ours))
