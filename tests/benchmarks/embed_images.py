"""Images and a model for a benchmark of embedding.

Photographs of a folder, or drawn ones; the study's model, or one of its shape with random weights.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from crossmodal.data.images import fit_square, open_rgb
from crossmodal.errors import UserError

DRAWN = 256
SIZES = ((500, 375), (375, 500), (500, 333), (400, 400))
"""Images that are drawn where there are no photographs, and their width and height, px."""
CONFIG = {
    "model_cfg": {
        "embed_dim": 512,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnet_lite0",
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 112,
        },
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {
        "mean": [0.498] * 3,
        "std": [0.502] * 3,
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    },
}  # fmt: skip


def model_folder(study: str, model: str, folder: Path) -> tuple[Path, str]:
    """Return the folder of the base model of a finished study, or of one made now; and what it is in words."""
    found = Path("results", study, "models", model)
    if (found / "open_clip_model.safetensors").exists():
        return found, f"the base model of the study {study}"
    import torch

    from crossmodal.models.clip import build_clip, save_clip

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    made = build_clip(CONFIG)
    save_clip(made, folder / "open_clip_config.json", folder / "open_clip_model.safetensors")
    return folder, "a model of the study's shape with random weights"


def size_of(model: Path) -> int:
    """Return the side of the square images that the model in this folder takes, px."""
    size = json.loads((model / "open_clip_config.json").read_text())["model_cfg"]["vision_cfg"]["image_size"]
    return int(size[0] if isinstance(size, list) else size)


def gather(photographs: Path | None, folder: Path, count: int) -> str:
    """Put links to `count` photographs into `folder`, the same ones again where there are fewer; or draw some.

    Returns in words what they are. UserError for a folder without JPEG files.
    """
    _emptied(folder)
    if photographs is None:
        _draw(folder)
        return f"{DRAWN} procedural images of {', '.join(f'{w} x {h}' for w, h in SIZES)} px (JPEG)"
    found = sorted(photographs.glob("*.jpg"))
    if not found:
        raise UserError(f"{photographs}: no .jpg in it")
    for number in range(count):
        source = found[number % len(found)]
        (folder / f"{number // len(found)}-{source.name}").symlink_to(source.resolve())
    different = found[:count]
    longer = sorted(map(_longer_side, different))
    sides = f"longer side {longer[len(longer) // 2]} px at the median, {longer[-1]} px at most"
    return f"{count:,} photographs ({len(different):,} different ones, {sides})"


def _longer_side(path: Path) -> int:
    with Image.open(path) as image:
        return max(image.size)


def link_part(folder: Path, out: Path, count: int) -> None:
    """Put links to the first `count` images of `folder` into `out`."""
    _emptied(out)
    for path in sorted(folder.iterdir())[:count]:
        (out / path.name).symlink_to(path.resolve())


def _emptied(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()


def _draw(folder: Path) -> None:
    """Draw smooth random pictures: noise of a few pixels, enlarged."""
    generator = np.random.default_rng(0)
    for number in range(DRAWN):
        noise = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize(SIZES[number % len(SIZES)], Image.Resampling.BICUBIC)
        image.save(folder / f"{number:04d}.jpg", quality=90)


def fitted(folder: Path, out: Path, size: int) -> None:
    """Write the images of `folder` as our preprocessing makes them, squares of `size` px (PNG), into `out`."""
    _emptied(out)
    for path in folder.iterdir():
        fit_square(open_rgb(path.read_bytes()), size).save(out / f"{path.name}.png")


def square_names(folder: Path) -> set[str]:
    """Return the names of the files of `folder` that hold a square image."""
    names = set()
    for path in folder.iterdir():
        with Image.open(path) as image:
            if image.width == image.height:
                names.add(path.name)
    return names
