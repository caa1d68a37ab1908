"""A tiny CLIP and a small training set of coloured patterns."""

from copy import deepcopy

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

from crossmodal.models.clip import build_clip
from crossmodal.training.batches import TrainingSet

CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "patch_size": 4, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}
WORDS = ["apple", "boat", "cat", "dog", "egg", "fish", "goat", "hat", "ink", "jam", "key", "lamp"]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_clip():
    """Return a function that builds the same random model each time; `vision` adds to its image tower."""

    def build(seed=0, **vision):
        config = deepcopy(CONFIG)
        config["model_cfg"]["vision_cfg"] |= vision
        torch.manual_seed(seed)
        return build_clip(config)

    return build


def make_patterns(seed=0):
    """Return 24 noisy images of 12 patterns, two captions each."""
    blocks = torch.rand(12, 4, 4, 3, generator=torch.Generator().manual_seed(7)).round().mul(150).add(50)
    images = blocks.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2).repeat(2, 1, 1, 1)
    noise = 20 * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    captions = [text for word in WORDS * 2 for text in (f"a {word}", f"one small {word}")]
    return TrainingSet(
        images=(images + noise).clamp(0, 255).to(torch.uint8),
        tokens=SimpleTokenizer(context_length=8)(captions).to(torch.int32),
        owners=torch.arange(24).repeat_interleave(2),
        labels=torch.arange(12).repeat(2),
    )


@pytest.fixture(scope="session")
def patterns():
    """Return the function of a seed that makes a training set."""
    return make_patterns


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """The configuration of a tiny BERT without dropout, for tokens of the patterns."""
    folder = tmp_path_factory.mktemp("bert")
    import transformers

    transformers.BertConfig(
        vocab_size=49408, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture
def build(tiny_clip, bert):
    """Return a function that builds a tiny model: CLIP itself, or one of two foreign towers."""

    def of(kind, **text):
        if kind == "clip":
            return tiny_clip()
        config = {
            "model_cfg": {
                "embed_dim": 16,
                "vision_cfg": {"image_size": 16, "timm_model_name": "test_efficientnet"},
                "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
                "custom_text": True,
            },
            "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
        }
        if kind == "bert":
            own = {"hf_model_name": str(bert), "hf_proj_type": "linear", "hf_pooler_type": "mean_pooler"}
            config["model_cfg"]["text_cfg"] = own | {"context_length": 8} | text
        torch.manual_seed(0)
        return build_clip(config)

    return of


@pytest.fixture
def calls(monkeypatch):
    """Return a list that grows by a word for each batch that is encoded."""
    from crossmodal.training import features

    found = []

    def count(name):
        encode = getattr(features, name)

        def counted(*args):
            found.append(name)
            return encode(*args)

        monkeypatch.setattr(features, name, counted)

    count("image_features")
    count("text_features")
    return found
