"""Whether standard error is a terminal that a display may be drawn on."""

import fcntl
import os
from contextlib import suppress
from typing import TextIO


def own_terminal(stream: TextIO) -> int | None:
    """Return a file descriptor that holds the terminal behind `stream`, to be closed at the end; else None.

    None for a file or a pipe, a terminal that cannot move its cursor, one that this process runs in the
    background of, and one on which another process already draws.
    """
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    with suppress(OSError, ValueError):
        number = stream.fileno()
        if not os.isatty(number) or _in_background(number):
            return None
        terminal = os.open(os.ttyname(number), os.O_RDONLY | os.O_NOCTTY)
        try:
            fcntl.flock(terminal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(terminal)
            return None
        return terminal
    return None


def _in_background(terminal: int) -> bool:
    """Return whether a shell has put this process into the background of a terminal."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # the terminal controls no processes, as in a container
        return False
