"""Work that is done ahead of the one who asks for it: in a thread, in order, and never far ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WAIT = 0.05
"""Seconds between two looks at whether the one who asked is still there."""


def prefetch(items: Iterable[T], ahead: int) -> Iterator[T]:
    """Yield `items` in order; a thread takes them from their iterator, at most `ahead` before they are asked for.

    An error in the iterator is raised here, after what came before it. Closing this generator ends the thread.
    """
    queue: Queue[tuple[str, Any]] = Queue(ahead)
    stop = Event()

    def put(message: tuple[str, Any]) -> None:
        while not stop.is_set():
            try:
                return queue.put(message, timeout=WAIT)
            except Full:
                continue

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                put(("item", item))
                if stop.is_set():
                    break
            put(("end", None))
        except BaseException as error:  # whatever it is, it belongs to the one who asked
            put(("error", error))
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    thread = Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stop.set()
        while thread.is_alive():
            try:
                queue.get_nowait()
            except Empty:
                thread.join(WAIT)


def mapped_ahead(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield `function(item)` for `items` in order, computed in `workers` threads, at most four an each ahead."""
    with ThreadPoolExecutor(workers, thread_name_prefix="prefetch") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
