"""SIGTERM, which schedulers send some time before a job's limit: noticed, and acted on between two steps."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def noticing_sigterm() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGTERM has come since; it does not end the process meanwhile.

    Signals reach the main thread only: in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
