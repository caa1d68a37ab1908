"""Pictures as a page shows them: of a type that browsers draw, and no larger than they are shown."""

import io

SHOWN = 320
"""The longer side of a picture on a page, px."""
LIGHT = 40_000
"""Bytes up to which a picture of a browser's type goes out as it is."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)  # fmt: skip


def media_type(data: bytes) -> str | None:
    """Return the type of an encoded image that every browser draws, by its first bytes; None for another.

    SVG is never one: it may hold a script.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def thumbnail(data: bytes) -> tuple[str, bytes] | None:
    """Return (media type, bytes) of a picture as it is shown; None for what is no image.

    Small files stay as they are; others are drawn anew at most 320 px large, upright, on white.
    """
    kind = media_type(data)
    if kind is not None and len(data) <= LIGHT:
        return kind, data
    from crossmodal.data.images import open_rgb

    try:
        image = open_rgb(data)
    except ValueError:
        return None
    image.thumbnail((SHOWN, SHOWN))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return "image/jpeg", buffer.getvalue()
