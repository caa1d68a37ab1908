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


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT with weights, tokenizer and all."""
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "octopus", "hat"]
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=12,
    )  # fmt: skip
    torch.manual_seed(5)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a tiny convolutional network, its classifier included, as timm names them."""
    import timm
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("cnn") / "cnn.safetensors"
    torch.manual_seed(6)
    network = timm.create_model("test_efficientnet")
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.uniform_(0.5, 1.5)
    save_file(network.state_dict(), path)
    return path
