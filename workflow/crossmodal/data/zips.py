"""Read single files of zip archives, wheels among them, without trusting them: exact names, no bombs, no paths."""

import io
import lzma
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

from crossmodal.errors import UserError

MAX_BYTES = 512 * 2**20  # of one file; the largest in use has 91 MB
_ENCRYPTED = 0x1
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, ValueError,
)  # fmt: skip
"""What zipfile raises for bytes that are no zip archive; OSError for a position outside the file."""


def read_zip(archive: Path, *names: str, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file in the zip `archive`; nothing is written anywhere.

    `names` is the file's exact name in the archive; where there are more, each but the last is a zip archive in
    the one before. Raises UserError where one is missing, given twice, encrypted, damaged or of more than `limit`
    bytes.
    """
    inside = str(archive)
    try:
        content = _member(archive, names[0], limit)
        for name, nested in pairwise(names):
            inside = f"{archive}, {name}"
            content = _member(io.BytesIO(content), nested, limit)
        return content
    except FileNotFoundError:
        raise UserError(f"{archive}: no such file") from None
    except KeyError as error:
        raise UserError(f"{inside}: has no {error.args[0]}; is it the right package?") from None
    except _BROKEN as error:
        raise UserError(
            f"{inside}: not a safe, whole package ({error}); remove it and fetch it again"
        ) from None


def _member(archive: Path | io.BytesIO, name: str, limit: int) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if entry.filename == name]
        if not entries or name.endswith("/"):
            raise KeyError(name)
        if len(entries) > 1:
            raise ValueError(f"{name} appears twice")
        if entries[0].flag_bits & _ENCRYPTED:
            raise ValueError(f"{name} is encrypted")
        with opened.open(entries[0]) as stream:  # the size that the archive states is not believed
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise ValueError(f"{name} has more than {limit} bytes")
        return content
