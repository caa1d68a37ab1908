"""Image files below a folder, read by names that others wrote: none leads out of the folder."""

from pathlib import Path, PurePosixPath
from typing import Any

from crossmodal.data.captions import is_storable
from crossmodal.data.karpathy import MAX_FILE_BYTES
from crossmodal.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm")
"""How names of image files end, in either case."""


def name_below(name: object) -> str:
    """Return a file name as a path below its folder, with slashes; ValueError says what is wrong with it."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError("entry without a file name")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError("file name leaves the image folder")
    if not is_storable(name):
        raise ValueError("file name with half a surrogate pair")
    return str(path)


class ImageFolder:
    """A folder of images; `key` is the parameter that names it."""

    def __init__(self, path: str, key: str) -> None:
        """Raise UserError where `path` is no folder."""
        self.path = Path(path)
        if not self.path.is_dir():
            raise UserError(f"{key}: {path} is not a folder; give the folder that holds the images")
        self._root = self.path.resolve()

    def read(self, name: str) -> bytes:
        """Return the content of the file `name`, a path below the folder; ValueError where it cannot be read."""
        path = self.path / name_below(name)
        try:
            if not path.resolve().is_relative_to(self._root):
                raise ValueError("file name leaves the image folder through a link")
            if not path.is_file():
                raise ValueError("no such file")
            return within_limit(path)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            reason = getattr(error, "strerror", None) or "links in a circle"
            raise ValueError(f"cannot be opened ({reason})") from None


def within_limit(path: Path) -> bytes:
    """Return the content of a file; ValueError where it is too large for an image."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES // 2**20} MiB")
    return path.read_bytes()


def image_in(value: Any, folder: ImageFolder | None) -> bytes:
    """Return the image file that a value of a table holds or names; ValueError where it cannot be read.

    A value is bytes, a path below `folder`, or a mapping with `bytes` and `path`, as Hugging Face stores images.
    """
    if isinstance(value, dict):
        held, value = value.get("bytes"), value.get("path")
        if isinstance(held, bytes):
            return held
        if held is not None:
            raise ValueError(f"bytes in the row that are a {type(held).__name__}")
    if isinstance(value, bytes):
        return value
    if value is None:
        raise ValueError("no image in the row")
    if folder is None:
        raise ValueError("a path and no bytes in the row, and no folder `images` to look in")
    return folder.read(value)
