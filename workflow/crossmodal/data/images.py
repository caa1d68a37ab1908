"""Encoded image files to arrays, whatever their colour mode, depth or orientation."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from crossmodal.data.tables import read_table

Pixels = npt.NDArray[np.uint8]

MAX_PIXELS = 100_000_000  # above this a file is more likely an attack or an accident than a photograph


def open_rgb(data: bytes) -> Image.Image:
    """Return the image encoded in `data` as upright RGB; transparency becomes white.

    Reads CMYK, grey, palette, alpha and 16-bit files and honours the EXIF orientation. Raises ValueError
    with the reason for anything that cannot be read whole (truncated, empty, not an image, too large).
    """
    if not data:
        raise ValueError("empty file")
    try:
        encoded = Image.open(io.BytesIO(data))
        if encoded.width * encoded.height > MAX_PIXELS:
            raise ValueError(f"{encoded.width} x {encoded.height} px exceeds {MAX_PIXELS} pixels")
        encoded.load()
    except UnidentifiedImageError:  # its own message holds a memory address, another one on every run
        raise ValueError("not an image file") from None
    except ValueError:
        raise
    except Exception as error:  # Pillow raises many types for broken files, SyntaxError among them
        raise ValueError(f"cannot be decoded ({type(error).__name__}: {error})") from error
    image = _upright(encoded)
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turn `image` as its EXIF orientation asks; a broken EXIF block does not spoil the picture."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow parses EXIF lazily and raises many types: struct.error, SyntaxError ...
        return image


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit and floating-point grey to 8 bits; Pillow's own conversion clips at 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0)
    top = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1e-12)
    return Image.fromarray(np.clip(values / top * 255 + 0.5, 0, 255).astype(np.uint8))


def fit_square(image: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to `size` px (bicubic, antialiased) and crop the centre, as CLIP does."""
    return ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)


def encode_png(image: Image.Image | Pixels) -> bytes:
    """Return `image` (a Pillow image or uint8 [height, width, 3]) as PNG bytes, the same on every run."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def decode(data: bytes, size: int) -> Pixels:
    """Return the image in `data` as uint8 [size, size, 3] in RGB order."""
    return np.asarray(fit_square(open_rgb(data), size))


def decode_split(path: Path, size: int) -> Pixels:
    """Return all images of the dataset file at `path` as uint8 [n, size, size, 3], in file order."""
    images = read_table(path, ["image"]).column("image").to_pylist()
    out = np.empty((len(images), size, size, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        out[i] = decode(image["bytes"], size)
    return out
