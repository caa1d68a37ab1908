"""A small CLIP that has learnt to tell coloured patterns apart, so that an attack has something to break."""

from collections import namedtuple

import pytest
import torch

from crossmodal.models.clip import build_clip, tokenize
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale
from crossmodal.models.loss import contrastive_loss

CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "patch_size": 4, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}
WORDS = ["apple", "boat", "cat", "dog", "egg", "fish", "goat", "hat", "ink", "jam", "key", "lamp"]

Trained = namedtuple("Trained", "model pixels tokens labels")


@pytest.fixture(scope="session")
def trained():
    """Return a model with perfect recall on 12 pairs, and these pairs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_clip(CONFIG)
    # Each word is one pattern of 4 x 4 blocks in three colours.
    blocks = 0.2 + 0.6 * torch.rand(12, 3, 4, 4).round()
    pixels = blocks.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    tokens, labels = tokenize(model, [f"a {word}" for word in WORDS]), torch.arange(12)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    model.train()
    for _ in range(80):
        noisy = (pixels + 0.05 * torch.randn_like(pixels)).clamp(0, 1)
        loss = contrastive_loss(
            encode_images(model, noisy), encode_texts(model, tokens), labels, logit_scale(model)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    model.zero_grad(set_to_none=True)
    return Trained(model, pixels, tokens, labels)
