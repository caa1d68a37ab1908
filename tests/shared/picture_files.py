"""Image files that a test makes: whole ones of every odd form, and broken ones with what is said of them."""

import io
from typing import Any

from PIL import Image


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return `image` as a file of the format `form`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def photo(**options: Any) -> bytes:
    """Return an RGB JPEG of 60 x 40 px noise, another one each time."""
    return encoded(Image.effect_noise((60, 40), 40).convert("RGB"), "JPEG", **options)


def whole_files() -> dict[str, bytes]:
    """Return images that must be read, of every odd form; the first two are kept byte for byte."""
    noise = Image.effect_noise((60, 40), 40)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "plain.jpg": photo(),
        "grey.jpg": encoded(noise, "JPEG"),
        "cmyk.jpg": encoded(noise.convert("CMYK"), "JPEG"),
        "alpha.png": encoded(noise.convert("RGBA"), "PNG"),
        "deep.png": encoded(noise.convert("I;16"), "PNG"),
        "turned.jpg": photo(exif=exif),
        "wrong-suffix.jpg": encoded(noise, "GIF"),
    }


def broken_files() -> dict[str, tuple[bytes, str]]:
    """Return files that must be rejected, and what the reason has in it."""
    whole = photo()
    return {
        "truncated.jpg": (whole[: len(whole) // 2], "truncated"),
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"<html>", "not an image file"),
    }
