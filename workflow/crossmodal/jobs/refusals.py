"""What to tell a user when a job ends with an error of a file: one line, which file, what to do."""

import errno
import json
import os
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
REFUSED = (*NO_ROOM, errno.EROFS, errno.EIO)


def refusal(error: Exception) -> str | None:
    """Return what the system says where `error` is its refusal of a file, else None.

    FAISS and safetensors raise errors of their own for a failed write, with the system's words in them.
    """
    said = str(error)
    for number in REFUSED:
        if os.strerror(number) in said:
            advice = "make room there and run again" if number in NO_ROOM else "mend that and run again"
            return f"{os.strerror(number)}; {advice}"
    return (error.strerror or said) if isinstance(error, OSError) else None


def broken_input(paths: list[Path]) -> str | None:
    """Return what is wrong with the first of `paths` that is not a whole JSON or Parquet file, else None."""
    from pyarrow.parquet import read_metadata

    for path in paths:
        try:
            if path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".parquet":
                read_metadata(path)
        except (ValueError, OSError) as error:  # ArrowInvalid is a ValueError
            reason = str(error).splitlines()[0]
            return f"{path}: not a readable {path.suffix[1:]} file ({reason}); remove it and run again"
    return None
