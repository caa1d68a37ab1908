"""What the service takes: every request is checked against these before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_TOP = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request, and of how many are worked on."""

    query: int = 400
    """Characters of a text; models read far less."""
    top: int = 100
    """Items of an answer."""
    body: int = 10_000_000
    """Bytes of an image."""
    pixels: int = 30_000_000
    """Pixels of an image, whatever its bytes: a small file may unpack to gigabytes."""
    seconds: float = 30.0
    """Time for a body to arrive."""
    waiting: int = 64
    """Requests that wait for a worker; further ones are turned away."""


class Refusal(Exception):
    """A request that is not answered: an HTTP status and one line that says what would be right."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def text_of(values: Mapping[str, str], limits: Limits) -> str:
    """Return the query `q` among the parameters of a request; Refusal for one that is empty or too long."""
    text = values.get("q", "").strip()
    if not text:
        raise Refusal(400, "no query: give a text as q, or POST an image")
    if len(text) > limits.query:
        raise Refusal(400, f"q has {len(text)} characters; at most {limits.query} are taken")
    return text


def top_of(values: Mapping[str, str], limits: Limits) -> int:
    """Return how many items a request asks for with `top`; Refusal for what is no number or too large."""
    given = values.get("top", "")
    if not given:
        return DEFAULT_TOP
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= limits.top):
        shown = given if len(given) <= 20 else f"{given[:20]}…"
        raise Refusal(400, f"top is {shown!r}; it must be a whole number from 1 to {limits.top}")
    return int(given)


def row_of(values: Mapping[str, str], count: int) -> int:
    """Return the item that a request names with `like`, its position in the index; Refusal for none."""
    given = values.get("like", "")
    if not (given.isascii() and given.isdigit() and len(given) < 12 and int(given) < count):
        raise Refusal(404, "like names no item of this index")
    return int(given)


def check_image(data: bytes, limits: Limits) -> None:
    """Raise Refusal unless `data` begins as an image of a known type and of a size that is worked on.

    Only the header is read. The types are listed: Pillow knows some that start other programs.
    """
    import io

    from PIL import Image, UnidentifiedImageError

    if not data:
        raise Refusal(400, "the body is empty: POST the bytes of an image file")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]) as image:
            pixels = image.width * image.height
    except UnidentifiedImageError:
        raise Refusal(400, "the body is no PNG, JPEG, WebP, GIF, BMP or TIFF file") from None
    except Image.DecompressionBombError:
        raise Refusal(413, f"the image is too large; at most {limits.pixels} pixels are taken") from None
    except Exception as error:  # Pillow raises many types for broken files
        raise Refusal(400, f"the image cannot be read ({type(error).__name__})") from None
    if pixels > limits.pixels:
        raise Refusal(413, f"the image has {pixels} pixels; at most {limits.pixels} are taken")
